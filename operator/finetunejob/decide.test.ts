import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { prepareKey, runHash, specHash } from "../../trainer/contract/hashes.ts";
import { prepareFile } from "../../trainer/contract/runFile.ts";
import { findCondition } from "../api/conditions.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { FineTuneJob } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { trainingPart } from "../api/settings.ts";
import { jobState } from "../jobs/outcome.ts";
import {
  aBatchJob,
  aJob,
  anAdapter,
  anEnvelope,
  aPod,
  aRun,
  aSpec,
  failed,
  image,
  now,
  pinnedStatus,
  prepareFigures,
  succeeded,
} from "../testing/builders.ts";
import { decide } from "./decide.ts";
import type { Decision, World } from "./world.ts";

/** A job that was just applied, and whatever `change` says. */
function aWorld(job: FineTuneJob = aJob(), change: Partial<World> = {}): World {
  const training = trainingPart(job.spec);
  return {
    job,
    now,
    wanted: { spec: job.spec, prepareKey: prepareKey(training), specHash: specHash(training), request: undefined },
    trainerImage: image,
    adapters: [],
    currentRun: undefined,
    prepare: undefined,
    stalePrepares: [],
    plan: undefined,
    runHash: undefined,
    run: undefined,
    adapterNameTaken: false,
    ...change,
  };
}

const thatFits = { trainableParameters: 1, totalParameters: 2, microRows: 1, recomputedBlocks: 0, steps: 3 };
const plan = (fits: boolean): World["plan"] => ({
  kind: "planned",
  plan: {
    key: "0".repeat(64),
    ...thatFits,
    predictedPeakBytes: 3 * 2 ** 30,
    availableBytes: fits ? 4 * 2 ** 30 : 2 * 2 ** 30,
    fits,
    ...(fits ? {} : { nearestFit: "dataset.maxSequenceLength: 256 (needs 1.5 GiB)" }),
  },
});

/** A job whose inputs are pinned and whose run fits. */
function pinned(change: Partial<World> = {}, spec: FineTuneJobSpec = aSpec()): World {
  const job = aJob(spec, pinnedStatus(prepareKey(trainingPart(spec))));
  const hash = runHash(trainingPart(spec), job.status!.pins!);
  return aWorld(job, { plan: plan(true), runHash: hash, ...change });
}

/** A job whose run is its own and in status. */
function withRun(change: (world: World) => Partial<World>): World {
  const world = pinned();
  const run = aRun(world.job);
  const owned = {
    ...world.job,
    status: { ...world.job.status, currentRunRef: { name: run.metadata.name, uid: "run-uid" } },
  };
  const base = { ...world, job: owned, run, currentRun: run };
  return { ...base, ...change(base) };
}

const actions = (decision: Decision) => decision.actions.map(({ kind }) => kind);
const ready = ({ status }: Decision) => findCondition(status.conditions, "Ready");
const stalled = ({ status }: Decision) => findCondition(status.conditions, "Stalled");

describe("inputs", () => {
  test("a new job asks a prepare Job for its inputs", () => {
    const decision = decide(aWorld());
    assert.deepEqual(actions(decision), ["createPrepare"]);
    assert.equal(decision.status.state, "Preparing");
  });

  test("a prepare Job that runs is left alone", () => {
    const prepare = { job: aBatchJob(), state: jobState(aBatchJob(), [aPod({ running: true })]) };
    assert.deepEqual(actions(decide(aWorld(aJob(), { prepare }))), []);
  });

  test("what it reports is pinned", () => {
    const world = aWorld();
    const key = prepareKey(trainingPart(world.job.spec));
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures(key) });
    const job = aBatchJob({ type: "Complete" });
    const decision = decide({ ...world, prepare: { job, state: jobState(job, [aPod({ exitCode: 0, message })]) } });
    assert.equal(decision.status.pins?.prepareKey, key);
    assert.equal(decision.status.inputs?.model.ropeTheta, "10000");
  });

  test("a quantised base is asked for with every default, and what it takes is in status", () => {
    const spec = aSpec({ baseModel: { uri: "pvc://inputs/model", quantization: { type: "NF4" } } });
    const world = aWorld(aJob(spec));
    const [create] = decide(world).actions;
    assert.ok(create?.kind === "createPrepare");
    const asked = create.job.spec?.template.metadata?.annotations?.[annotations.runFile] ?? "";
    const file = prepareFile.parse(parse(asked));
    assert.deepEqual(file.baseModel.quantization, { type: "NF4", doubleQuantization: true });
    assert.equal(file.prepareKey, prepareKey(trainingPart(spec)));

    const quantized = { type: "NF4", doubleQuantization: true, bytes: 300_000 } as const;
    const figures = { ...prepareFigures(file.prepareKey), quantized };
    const job = aBatchJob({ type: "Complete" });
    const state = jobState(job, [aPod({ exitCode: 0, message: anEnvelope({ stage: "Prepare", figures }) })]);
    assert.deepEqual(decide({ ...world, prepare: { job, state } }).status.inputs?.quantized, quantized);
  });

  test("quantising the base of pinned inputs prepares again", () => {
    const before = pinned().job;
    const spec = aSpec({ baseModel: { ...before.spec.baseModel, quantization: { type: "NF4" } } });
    const decision = decide(aWorld({ ...before, spec }));
    assert.deepEqual(actions(decision), ["createPrepare"]);
  });

  test("a report about other inputs is not believed", () => {
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures("f".repeat(64)) });
    const job = aBatchJob({ type: "Complete" });
    const decision = decide(
      aWorld(aJob(), { prepare: { job, state: jobState(job, [aPod({ exitCode: 0, message })]) } }),
    );
    assert.equal(decision.status.pins, undefined);
    assert.deepEqual(actions(decision), ["deleteJob"]);
  });

  test("a report that is lost each time is not asked for for ever; one Job counts once, a new look starts anew", () => {
    let status: FineTuneJob["status"] = {};
    const see = (uid: string, change: Partial<World["wanted"]> = {}) => {
      const absent = decide(aWorld(aJob(aSpec(), status), { prepare: { job: undefined, state: { kind: "Absent" } } }));
      const world = aWorld(aJob(aSpec(), absent.status));
      const state = jobState(aBatchJob({ type: "Complete" }), []);
      const job = { ...aBatchJob(), metadata: { ...aBatchJob().metadata, uid } };
      return decide({ ...world, wanted: { ...world.wanted, ...change } as World["wanted"], prepare: { job, state } });
    };
    for (const uid of ["1", "1", "2", "3"]) {
      const decision = see(uid);
      assert.deepEqual([actions(decision), ready(decision)?.reason], [["deleteJob"], "ReportLost"]);
      status = decision.status;
    }
    const last = see("4");
    assert.deepEqual([actions(last), stalled(last)?.reason], [[], "ReportLost"]);
    assert.ok(stalled(last)?.message.includes(image));
    status = last.status;
    const again = see("5", { request: "now" });
    assert.deepEqual([actions(again), again.status.prepare?.lostReports], [["deleteJob"], ["5"]]);
  });

  test("bad data stall the job with the trainer's words, and stay so when the Job is gone", () => {
    const message = anEnvelope({
      stage: "Prepare",
      outcome: "Failed",
      reason: "BadRow",
      message: "train.jsonl:7: not JSON",
    });
    const job = aBatchJob({ type: "Failed", reason: "PodFailurePolicy" });
    const first = decide(aWorld(aJob(), { prepare: { job, state: jobState(job, [aPod({ exitCode: 20, message })]) } }));
    assert.match(stalled(first)?.message ?? "", /train\.jsonl:7/);
    const later = decide(
      aWorld(aJob(aSpec(), first.status), { prepare: { job: undefined, state: { kind: "Absent" } } }),
    );
    assert.equal(stalled(later)?.reason, "BadRow");
    assert.deepEqual(actions(later), []);
  });

  test("a prepare Job of other inputs that still runs is deleted", () => {
    assert.deepEqual(actions(decide(aWorld(aJob(), { stalePrepares: [aBatchJob()] }))), ["deleteJob", "createPrepare"]);
  });

  test("a foreign Job under our name is never taken over", () => {
    const decision = decide(aWorld(aJob(), { prepare: { job: aBatchJob(), state: { kind: "Foreign" } } }));
    assert.equal(stalled(decision)?.reason, "NameConflict");
  });
});

describe("fit", () => {
  test("a run that does not fit is not made, and the nearest settings that do are named", () => {
    const decision = decide(pinned({ plan: plan(false) }));
    assert.deepEqual(actions(decision), []);
    assert.match(stalled(decision)?.message ?? "", /maxSequenceLength: 256/);
    assert.equal(findCondition(decision.status.conditions, "Fits")?.status, "False");
  });

  test("settings that cannot be planned stall with the planner's words", () => {
    const decision = decide(pinned({ plan: { kind: "failed", message: "no linear layer is named q_prj" } }));
    assert.match(stalled(decision)?.message ?? "", /q_prj/);
  });
});

describe("a planner that broke", () => {
  test("is waited for and asked again", () => {
    const decision = decide(pinned({ plan: { kind: "failed", message: "took too long", retryAfterMs: 60_000 } }));
    assert.deepEqual([actions(decision), stalled(decision), decision.requeueAfterMs], [[], undefined, 60_000]);
    assert.match(ready(decision)?.message ?? "", /took too long\. Trying again/);
  });
});

describe("run", () => {
  test("a run that fits is made, named by its hash, and its owner is this job", () => {
    const world = pinned();
    const [action] = decide(world).actions;
    assert.ok(action?.kind === "createRun");
    assert.equal(action.run.metadata.name, `run-${world.runHash?.slice(0, 16)}`);
    assert.equal(action.run.metadata.ownerReferences?.[0]?.uid, "job-uid");
    assert.equal(action.run.spec.settings.method.lora?.alpha, 16);
  });

  test("a run that another job made is shared", () => {
    const other = aRun(pinned().job);
    const run = { ...other, metadata: { ...other.metadata, ownerReferences: [] } };
    const decision = decide(pinned({ run }));
    assert.ok(actions(decision).includes("ownRun"));
    assert.deepEqual(decision.status.currentRunRef, { name: run.metadata.name, uid: "run-uid" });
  });

  test("a run of our name and another hash is a conflict", () => {
    const run = aRun(pinned().job);
    const foreign = { ...run, spec: { ...run.spec, runHash: "0".repeat(64) } };
    assert.equal(stalled(decide(pinned({ run: foreign })))?.reason, "NameConflict");
  });

  test("a failed run is not tried again by itself", () => {
    const decision = decide(withRun(({ run }) => ({ run: failed(run!) })));
    assert.deepEqual(actions(decision), []);
    assert.match(stalled(decision)?.message ?? "", /delete FineTuneRun/);
  });

  test("a run that goes on is mirrored", () => {
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

  test("new limits reach the run and nothing is trained anew", () => {
    const decision = decide(
      withRun(({ run }) => ({
        run: { ...run!, spec: { ...run!.spec, execution: { placement: { gpusPerNode: 0 } } } },
      })),
    );
    assert.deepEqual(actions(decision), ["updateExecution"]);
  });

  test("a suspended job keeps its run and makes nothing", () => {
    const world = withRun(() => ({}));
    const spec = aSpec({ suspend: true });
    const suspended = { ...world, job: { ...world.job, spec }, wanted: { ...world.wanted, spec } };
    const decision = decide({ ...suspended, currentRun: { ...world.run!, status: { state: "Stopped" } } });
    assert.deepEqual([actions(decision), decision.status.state], [[], "Suspended"]);
    assert.equal(decision.status.currentRunRef?.uid, "run-uid");
  });
});

describe("Adapter", () => {
  test("a finished run becomes a promoted Adapter", () => {
    const decision = decide(withRun(({ run }) => ({ run: succeeded(run!) })));
    assert.deepEqual(actions(decision), ["applyAdapter", "promote"]);
    const [action] = decision.actions;
    assert.ok(action?.kind === "applyAdapter");
    assert.equal(action.adapter.spec.results?.evaluation?.after, "0.95");
    assert.equal(decision.status.currentRunRef?.adapterName, action.adapter.metadata.name);
  });

  test("an Adapter of our name that is not ours is never taken over", () => {
    const decision = decide(withRun(({ run }) => ({ run: succeeded(run!), adapterNameTaken: true })));
    assert.deepEqual([actions(decision), stalled(decision)?.reason], [[], "NameConflict"]);
  });

  test("a settled job does nothing and is Ready, with what a person wants to hear", () => {
    const world = withRun(({ job, run }) => ({
      adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
    }));
    const decision = decide(world);
    assert.deepEqual(actions(decision), []);
    assert.equal(ready(decision)?.status, "True");
    assert.match(ready(decision)?.message ?? "", /0\.5 → 0\.95 on 100/);
  });

  test("settings that were trained before need no pod: a revert promotes in one write", () => {
    const before = aJob(aSpec(), pinnedStatus(prepareKey(trainingPart(aSpec()))));
    const old = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const other = { ...before, spec: aSpec({ method: { lora: { rank: 4 } } }) };
    const newer = anAdapter(other, succeeded(aRun(other)), { promotedAt: "2026-01-02T00:00:00Z" });
    const status = { promotedAdapterRef: { name: newer.metadata.name } };
    const decision = decide(aWorld(aJob(aSpec(), status), { adapters: [old, newer] }));
    assert.deepEqual(actions(decision), ["promote"]);
    assert.equal(decision.status.promotedAdapterRef?.name, old.metadata.name);
  });

  test("a person's choice is promoted whatever the settings are, and nothing is trained", () => {
    const before = aJob(aSpec(), pinnedStatus(prepareKey(trainingPart(aSpec()))));
    const old = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const spec = (name: string) => aSpec({ method: { lora: { rank: 4 } }, promotion: { adapterRef: { name } } });
    const decision = decide(aWorld(aJob(spec(old.metadata.name)), { adapters: [old] }));
    assert.equal(decision.status.promotedAdapterRef?.name, old.metadata.name);
    assert.ok(!actions(decision).includes("createPrepare"));
    const wrong = decide(aWorld(aJob(spec("none")), { adapters: [old] }));
    assert.equal(stalled(wrong)?.reason, "AdapterNotFound");
    assert.ok(stalled(wrong)?.message.includes(old.metadata.name));
  });

  test("data that moved are trained on: an Adapter of the same settings on older data is not enough", () => {
    const before = aJob(aSpec(), pinnedStatus(prepareKey(trainingPart(aSpec()))));
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const { pins, inputs } = before.status!;
    const moved = aJob(aSpec(), { inputs: inputs!, pins: { ...pins!, datasetDigest: `sha256:${"9".repeat(64)}` } });
    const hash = runHash(trainingPart(aSpec()), moved.status!.pins!);
    const decision = decide(aWorld(moved, { adapters: [adapter], plan: plan(true), runHash: hash }));
    assert.deepEqual(actions(decision), ["createRun"]);
  });

  test("a job restored without status finds its Adapter: no pod, no write to it", () => {
    const before = aJob(aSpec(), pinnedStatus(prepareKey(trainingPart(aSpec()))));
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const decision = decide(aWorld(aJob(), { adapters: [adapter] }));
    assert.deepEqual(actions(decision), []);
    assert.equal(ready(decision)?.status, "True");
  });

  test("an edit of the store is not answered with what lies in the old one, unless a person chose that Adapter", () => {
    const before = aJob(aSpec(), pinnedStatus(prepareKey(trainingPart(aSpec()))));
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const moved = aSpec({ artifacts: { uri: "pvc://other" } });
    const elsewhere = decide(pinned({ adapters: [adapter] }, moved));
    assert.deepEqual([actions(elsewhere), stalled(elsewhere)?.reason], [[], "ArtifactsElsewhere"]);
    assert.match(stalled(elsewhere)?.message ?? "", /pvc:\/\/store\/team/);
    const chosen = { ...moved, promotion: { adapterRef: { name: adapter.metadata.name } } };
    assert.equal(ready(decide(pinned({ adapters: [adapter] }, chosen)))?.status, "True");
  });

  test("an edit of exports reaches the promoted Adapter and trains nothing", () => {
    const world = withRun(({ job, run }) => ({
      adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
    }));
    const spec = aSpec({ adapter: { exports: [{ name: "merged", merged: {} }] } });
    const decision = decide({ ...world, job: { ...world.job, spec }, wanted: { ...world.wanted, spec } } as World);
    assert.deepEqual(actions(decision), ["applyAdapter"]);
    assert.equal(ready(decision)?.status, "False");
  });

  test("a promoted Adapter that a person deleted stays deleted, and nothing is trained", () => {
    const world = withRun(({ job, run }) => ({
      currentRun: succeeded(run!),
      run: succeeded(run!),
      job: {
        ...job,
        status: {
          ...job.status,
          currentRunRef: { ...job.status!.currentRunRef!, adapterName: "bot-1" },
          promotedAdapterRef: { name: "bot-1" },
        },
      },
    }));
    const decision = decide(world);
    assert.deepEqual(actions(decision), []);
    assert.equal(stalled(decision)?.reason, "PromotedAdapterDeleted");
    assert.equal(decision.status.promotedAdapterRef, undefined);
    assert.deepEqual(actions(decide({ ...world, job: { ...world.job, status: decision.status } })), []);
  });

  test("and is made again from the store when its run was deleted", () => {
    const world = withRun(() => ({}));
    const status = {
      ...world.job.status,
      currentRunRef: { ...world.job.status!.currentRunRef!, adapterName: "bot-1" },
    };
    const decision = decide({ ...world, job: { ...world.job, status }, run: undefined, currentRun: undefined });
    assert.deepEqual(actions(decision), ["createRun"]);
  });

  test("an Adapter whose status speaks of an older spec is not ready yet", () => {
    const world = withRun(({ job, run }) => {
      const adapter = anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" });
      return { adapters: [{ ...adapter, metadata: { ...adapter.metadata, generation: 2 } }] };
    });
    assert.equal(ready(decide(world))?.status, "False");
  });
});

test("a spec that cannot be read stalls with its field", () => {
  const decision = decide(aWorld(aJob(), { wanted: { issue: "spec.method: exactly one method must be set" } }));
  assert.match(stalled(decision)?.message ?? "", /spec\.method/);
});

test("deciding twice changes nothing: no clock ticks in a status", () => {
  const world = withRun(({ job, run }) => ({
    adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
  }));
  const { status } = decide(world);
  const again = decide({ ...world, job: { ...world.job, status }, now: new Date(now.getTime() + 60_000) });
  assert.deepEqual(again.status, status);
});
