import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prepareKey, specHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { aPinnedJob, aRun, aSpec, failed, succeeded } from "../testing/builders.ts";
import { actions, aPlan, conditionOf, pinned, ready, stalled, withRun } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

describe("fit", () => {
  test("the operator does not create a run that does not fit, and names the nearest settings that do", () => {
    const decision = decide(pinned({ plan: aPlan(false) }));
    assert.deepEqual(actions(decision), []);
    assert.match(stalled(decision)?.message ?? "", /maxSequenceLength: 256/);
    assert.equal(conditionOf(decision, "Fits")?.status, "False");
  });

  const record = { number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z" };
  const training = { reason: "Training", message: "Training.", lastTransitionTime: "2026-01-02T03:00:00Z" };
  const edited = [
    {
      name: "continues while it runs",
      status: { state: "Training", attempts: [{ ...record, jobUID: "u" }] },
      done: false,
      state: "Training",
      does: [],
      fits: "False",
      expected: /keeps the limits that it was created with\. The run needs .* are available/,
    },
    {
      name: "and whose pod waits keeps the limit that it was created with, and reports that",
      status: { state: "Queued", attempts: [{ ...record, jobUID: "u" }] },
      done: false,
      state: "Queued",
      does: [],
      fits: "False",
      expected: /keeps the limits that it was created with\. The run needs .* are available/,
    },
    {
      name: "becomes an Adapter when it has finished",
      status: { state: "Succeeded", attempts: [{ ...record, jobUID: "u", endedAt: "2026-01-02T03:03:00Z" }] },
      done: true,
      state: "Exporting",
      does: ["applyAdapter", "promote"],
      fits: "True",
      expected: /is created from/,
    },
    {
      name: "that has no Job does not fit",
      status: { attempts: [record] },
      done: false,
      state: "DoesNotFit",
      does: [],
      fits: "False",
      expected: /The run needs .* are available/,
    },
  ];
  for (const { name, status, done, state, does, fits, expected } of edited) {
    test(`a run whose limit was lowered below its need ${name}`, () => {
      const conditions = [{ ...training, type: "Ready", status: "False" as const }];
      const world = withRun(({ run }) => {
        const so = { ...run!, status: { ...status, conditions } };
        return { run: done ? succeeded(so) : so, plan: aPlan(false) };
      });
      const decision = decide(world);
      assert.deepEqual([decision.status.state, actions(decision)], [state, does]);
      assert.equal(conditionOf(decision, "Fits")?.status, fits);
      assert.match(ready(decision)?.message ?? "", expected);
    });
  }

  test("settings that cannot be planned stall with the planner's message", () => {
    const decision = decide(pinned({ plan: { kind: "failed", message: "no linear layer is named q_prj" } }));
    assert.match(stalled(decision)?.message ?? "", /q_prj/);
  });
});

describe("an export that the base has no form in", () => {
  const exports = [
    { name: "merged", merged: {} },
    { name: "for-llama-cpp", gguf: {} },
  ];
  const refusing = (world: World): World => {
    const { status } = world.job;
    const inputs = { ...status!.inputs!, ggufRefusal: "gguf: no form: export merged" };
    return { ...world, job: { ...world.job, status: { ...status, inputs } } };
  };

  test("is refused before the training, by its name", () => {
    const decision = decide(refusing(pinned({}, aSpec({ adapter: { exports } }))));
    assert.deepEqual(actions(decision), []);
    const { reason, message } = stalled(decision) ?? {};
    assert.equal(reason, "GgufImpossible");
    assert.equal(message, "adapter.exports, for-llama-cpp: gguf: no form: export merged; or remove this export");
  });

  test("that nobody asked for changes nothing", () => {
    const decision = decide(refusing(pinned({}, aSpec({ adapter: { exports: exports.slice(0, 1) } }))));
    assert.deepEqual(actions(decision), ["createRun"]);
  });

  test("does not stop a run that trains already", () => {
    const spec = aSpec({ adapter: { exports } });
    const attempts = [{ number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z", jobUID: "u" }];
    const world = withRun(({ run }) => ({ run: { ...run!, status: { state: "Training", attempts } } }));
    assert.equal("issue" in world.wanted, false);
    const edited = refusing({
      ...world,
      job: { ...world.job, spec },
      wanted: { ...world.wanted, spec } as World["wanted"],
    });
    assert.equal(stalled(decide(edited)), undefined);
  });
});

describe("a planner that failed", () => {
  test("a planner that failed is retried later", () => {
    const decision = decide(pinned({ plan: { kind: "failed", message: "took too long", retryAfterMs: 60_000 } }));
    assert.deepEqual([actions(decision), stalled(decision), decision.requeueAfterMs], [[], undefined, 60_000]);
    assert.match(ready(decision)?.message ?? "", /took too long\. The operator retries/);
  });
});

describe("run", () => {
  test("the operator creates a run that fits, named by its hash and owned by this job", () => {
    const world = pinned();
    const [action] = decide(world).actions;
    assert.ok(action?.kind === "createRun");
    assert.equal(action.run.metadata.name, `run-${world.runHash?.slice(0, 16)}`);
    assert.equal(action.run.metadata.ownerReferences?.[0]?.uid, "job-uid");
    assert.equal(action.run.spec.settings.method.lora?.alpha, 16);
  });

  test("jobs share a run that another job created", () => {
    const other = aRun(pinned().job);
    const run = { ...other, metadata: { ...other.metadata, ownerReferences: [] } };
    const decision = decide(pinned({ run }));
    assert.ok(actions(decision).includes("ownRun"));
    assert.deepEqual(decision.status.currentRunRef, { name: run.metadata.name, uid: "run-uid" });
  });

  test("a run of the needed name with another hash is a conflict", () => {
    const run = aRun(pinned().job);
    const foreign = { ...run, spec: { ...run.spec, runHash: "0".repeat(64) } };
    assert.equal(stalled(decide(pinned({ run: foreign })))?.reason, "NameConflict");
  });

  test("invalid new settings affect neither the run of the earlier settings nor the promoted Adapter", () => {
    const before = withRun(({ job }) => ({
      job: { ...job, status: { ...job.status, promotedAdapterRef: { name: "bot-1" } } },
    }));
    const spec = aSpec({ method: { lora: { targetModules: ["q_prj"] } } });
    const training = trainingPart(spec);
    const wanted = { spec, prepareKey: prepareKey(training), specHash: specHash(training), request: undefined };
    const refused: World["plan"] = { kind: "failed", message: "no linear layer is named q_prj" };
    for (const [plan, reason] of [
      [refused, "PlanFailed"],
      [aPlan(false), "DoesNotFit"],
    ] as const) {
      const decision = decide({ ...before, job: { ...before.job, spec }, wanted, run: undefined, plan });
      assert.deepEqual([actions(decision), stalled(decision)?.reason], [[], reason]);
      assert.deepEqual(
        [decision.status.currentRunRef?.uid, decision.status.promotedAdapterRef?.name],
        ["run-uid", "bot-1"],
      );
    }
  });

  test("the same settings in two namespaces are two runs, in two directories of the store", () => {
    const [here, there] = ["team", "other"].map((namespace) => {
      const job = aPinnedJob();
      return aRun({ ...job, metadata: { ...job.metadata, namespace } });
    });
    assert.equal(here?.metadata.name, there?.metadata.name);
    assert.deepEqual([here?.metadata.namespace, there?.metadata.namespace], ["team", "other"]);
    assert.deepEqual([here?.spec.artifactRoot, there?.spec.artifactRoot], ["pvc://store/team", "pvc://store/other"]);
  });

  test("the operator does not retry a failed run unasked, and the job mirrors its message", () => {
    const decision = decide(withRun(({ run }) => ({ run: failed(run!) })));
    assert.deepEqual([actions(decision), stalled(decision)?.message], [[], "words"]);
  });

  test("an active run whose status was lost changes neither its own message nor its job's", () => {
    const attempts = [{ number: 1, jobName: "run-1", jobUID: "u", startedAt: "2026-01-02T03:00:00Z" }];
    const world = withRun(({ run, job }) => ({
      run: { ...run!, status: { attempts } },
      job: { ...job, status: { ...job.status, state: "Training" } },
    }));
    assert.deepEqual([actions(decide(world)), decide(world).status.state], [[], "Training"]);
  });

  test("the job mirrors an active run", () => {
    const decision = decide(
      withRun(({ run }) => ({
        run: {
          ...run!,
          status: {
            state: "Training",
            conditions: [
              { type: "Ready", status: "False", reason: "Training", message: "words", lastTransitionTime: "x" },
            ],
            progress: { phase: "Training", steps: "5/60", updatedAt: "2026-01-02T03:04:00Z" },
          },
        },
      })),
    );
    assert.equal(decision.status.state, "Training");
    assert.equal(decision.status.progress?.steps, "5/60");
  });

  const otherwisePlaced = (run: World["run"]) => ({
    ...run!,
    spec: { ...run!.spec, execution: { placement: { gpusPerNode: 0 } } },
  });

  test("new limits reach the run, and the operator trains nothing again", () => {
    const decision = decide(withRun(({ run }) => ({ run: otherwisePlaced(run) })));
    assert.deepEqual(actions(decision), ["updateExecution"]);
  });

  describe("a run that several FineTuneJobs want is placed by the first of them, and the others report that", () => {
    const conditions = [
      { type: "Ready", status: "False" as const, reason: "Training", message: "Training.", lastTransitionTime: "x" },
    ];
    const training = (run: World["run"]) => ({ ...otherwisePlaced(run), status: { state: "Training", conditions } });
    const others = / FineTuneJob twin requested this run first: its placement and limits apply\.$/;
    const cases: { name: string; world: World; does: string[]; expected: RegExp }[] = [
      {
        name: "this one requested it first",
        world: withRun(({ run }) => ({ run: training(run), placer: "bot" })),
        does: ["updateExecution"],
        expected: /^Training\.$/,
      },
      {
        name: "another requested it first",
        world: withRun(({ run }) => ({ run: training(run), placer: "twin" })),
        does: [],
        expected: others,
      },
      {
        name: "another requested it first, and the run has not started",
        world: withRun(({ run }) => ({ run: otherwisePlaced(run), placer: "twin" })),
        does: [],
        expected: others,
      },
      {
        name: "this one joins a run that another requested",
        world: pinned({ run: { ...training(aRun(pinned().job)) }, placer: "twin" }),
        does: [],
        expected: others,
      },
      {
        name: "this one joins a run that no FineTuneJob wants any longer",
        world: pinned({ run: { ...training(aRun(pinned().job)) } }),
        does: ["updateExecution"],
        expected: /is this job's run\.$/,
      },
    ];
    for (const { name, world, does, expected } of cases) {
      test(`this job ${does.length > 0 ? "places" : "does not place"} the run when ${name}`, () => {
        const decision = decide(world);
        assert.deepEqual(actions(decision), does);
        assert.match(ready(decision)?.message ?? "", expected);
      });
    }
  });
});
