import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { prepareKey } from "../../trainer/contract/hashes.ts";
import { prepareFileSchema } from "../../trainer/contract/runFile.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import { fineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { FineTuneJob } from "../api/kinds.ts";
import { annotations, labels } from "../api/names.ts";
import { jobState } from "../jobs/outcome.ts";
import { aBatchJob, aJob, anEnvelope, aPod, aSpec, image, prepareFigures } from "../testing/builders.ts";
import { actions, aPlan, aWorld, pinned, ready, stalled } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

describe("inputs", () => {
  test("a new job creates a prepare Job for its inputs", () => {
    const decision = decide(aWorld());
    assert.deepEqual(actions(decision), ["createPrepare"]);
    assert.equal(decision.status.state, "Preparing");
  });

  test("a prepare Job that runs is left alone", () => {
    const prepare = { job: aBatchJob(), state: jobState(aBatchJob(), [aPod({ running: true })]) };
    assert.deepEqual(actions(decide(aWorld(aJob(), { prepare }))), []);
  });

  test("the reported inputs are pinned", () => {
    const world = aWorld();
    const key = prepareKey(trainingPart(world.job.spec));
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures(key) });
    const job = aBatchJob({ type: "Complete" });
    const decision = decide({ ...world, prepare: { job, state: jobState(job, [aPod({ exitCode: 0, message })]) } });
    assert.equal(decision.status.pins?.prepareKey, key);
    assert.equal(decision.status.inputs?.model.ropeTheta, "10000");
  });

  test("pins are valid only in the store of staging; another store needs another prepare Job", () => {
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures(prepareKey(trainingPart(aSpec()))) });
    const job = aBatchJob({ type: "Complete" });
    const staged = decide(aWorld(aJob(), { prepare: { job, state: jobState(job, [aPod({ exitCode: 0, message })]) } }));
    assert.equal(staged.status.pins?.store, "pvc://store/team");
    const moved = aWorld(aJob(aSpec({ artifacts: { uri: "pvc://elsewhere" } }), staged.status));
    assert.deepEqual(actions(decide(moved)), ["createPrepare"]);
    const back = aWorld(aJob(aSpec(), staged.status), { plan: aPlan(true), runHash: "1".repeat(64) });
    assert.deepEqual(actions(decide(back)), ["createRun"]);
  });

  test("the prepare Job of a quantised base gets every default, and the status shows the base's size", () => {
    const spec = aSpec({ baseModel: { uri: "pvc://inputs/model", quantization: { type: "NF4" } } });
    const world = aWorld(aJob(spec));
    const [create] = decide(world).actions;
    assert.ok(create?.kind === "createPrepare");
    const asked = create.job.spec?.template.metadata?.annotations?.[annotations.runFile] ?? "";
    const file = prepareFileSchema.parse(parse(asked));
    assert.deepEqual(file.baseModel.quantization, { type: "NF4", doubleQuantization: true });
    assert.equal(file.prepareKey, prepareKey(trainingPart(spec)));

    const quantized = { type: "NF4", doubleQuantization: true, bytes: 300_000 } as const;
    const figures = { ...prepareFigures(file.prepareKey), quantized };
    const job = aBatchJob({ type: "Complete" });
    const state = jobState(job, [aPod({ exitCode: 0, message: anEnvelope({ stage: "Prepare", figures }) })]);
    assert.deepEqual(decide({ ...world, prepare: { job, state } }).status.inputs?.quantized, quantized);
  });

  test("a base that the method does not fit is read again for another method, and not for another learning rate", () => {
    const spec = aSpec({ method: { bitfit: {} } });
    const [create] = decide(aWorld(aJob(spec))).actions;
    assert.ok(create?.kind === "createPrepare");
    const file = create.job.spec?.template.metadata?.annotations?.[annotations.runFile] ?? "";
    assert.ok(prepareFileSchema.parse(parse(file)).method?.bitfit);
    const prepare = {
      ...{ key: prepareKey(trainingPart(spec)), jobName: create.job.metadata.name ?? "", outcome: "Failed" as const },
      ...{ reason: "PlanImpossible", message: "method.bitfit trains biases, and this model has none: set method.ia3" },
    };
    const after = (change: Parameters<typeof aSpec>[0]) =>
      decide(aWorld(aJob(aSpec({ method: { bitfit: {} }, ...change }), { prepare })));
    assert.deepEqual(actions(after({})), []);
    assert.equal(stalled(after({}))?.reason, "PlanImpossible");
    assert.deepEqual(actions(after({ training: { learningRate: "1e-5" } })), []);
    assert.deepEqual(actions(after({ method: { ia3: {} } })), ["createPrepare"]);
    assert.deepEqual(actions(after({ method: { bitfit: { layers: [0] } } })), ["createPrepare"]);
  });

  test("quantising the base of pinned inputs prepares again", () => {
    const before = pinned().job;
    const spec = aSpec({ baseModel: { ...before.spec.baseModel, quantization: { type: "NF4" } } });
    const decision = decide(aWorld({ ...before, spec }));
    assert.deepEqual(actions(decision), ["createPrepare"]);
  });

  test("the operator ignores a report about other inputs", () => {
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures("f".repeat(64)) });
    const job = aBatchJob({ type: "Complete" });
    const decision = decide(
      aWorld(aJob(), { prepare: { job, state: jobState(job, [aPod({ exitCode: 0, message })]) } }),
    );
    assert.equal(decision.status.pins, undefined);
    assert.deepEqual(actions(decision), ["deleteJob"]);
  });

  test("the operator gives up on a report that is lost each time; one Job counts once, a new request starts over", () => {
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

  test("invalid data stall the job with the trainer's message, also after the Job is gone", () => {
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

  describe("a prepare Job that ran out of memory", () => {
    const limited = (memory?: string) =>
      aSpec({ helpers: memory === undefined ? {} : { resources: { limits: { memory } } } });
    const labelled = (condition: Parameters<typeof aBatchJob>[0]) => {
      const job = aBatchJob(condition);
      return { ...job, metadata: { ...job.metadata, labels: { [labels.stage]: "prepare" } } };
    };
    const killed = labelled({ type: "Failed", reason: "PodFailurePolicy" });
    const outOfMemory = { job: killed, state: jobState(killed, [aPod({ exitCode: 137, reason: "OOMKilled" })]) };
    const gone = { job: undefined, state: { kind: "Absent" } as const };
    const asWanted = (memory: string | undefined, status: FineTuneJob["status"], prepare: World["prepare"]) =>
      decide(aWorld(aJob(limited(memory), status), { prepare }));
    const begun = (memory?: string) => asWanted(memory, {}, gone).status;
    const failed = (memory?: string) => asWanted(memory, begun(memory), outOfMemory);

    test("a prepare Job that ran out of memory names the limit of the helpers, and no other fix", () => {
      const reported = stalled(failed("64Mi"));
      assert.equal(reported?.reason, "HostMemoryExceeded");
      assert.match(
        reported?.message ?? "",
        /Raise helpers\.resources\.limits\.memory; the operator then reads them again\.$/,
      );
      assert.doesNotMatch(reported?.message ?? "", /batchTokens|requested-at/);
    });

    const retries = [
      { from: "64Mi", to: "128Mi", again: true },
      { from: "64Mi", to: undefined, again: true },
      { from: undefined, to: "1Gi", again: true },
      { from: "64Mi", to: "64Mi", again: false },
      { from: "1024Mi", to: "1Gi", again: false },
      { from: "64Mi", to: "32Mi", again: false },
      { from: undefined, to: undefined, again: false },
    ];
    for (const { from, to, again } of retries) {
      test(`a prepare Job that ran out of memory with limit ${from ?? "none"}, now ${to ?? "none"}, is ${again ? "recreated" : "not recreated"}`, () => {
        const { status } = failed(from);
        assert.deepEqual(actions(asWanted(to, status, outOfMemory)), again ? ["deleteJob"] : []);
        assert.deepEqual(actions(asWanted(to, status, gone)), again ? ["createPrepare"] : []);
      });
    }

    test("a prepare Job that ran out of memory records its limit when it is created, so that a limit raised while it runs takes effect at once", () => {
      const raised = asWanted("128Mi", begun("64Mi"), outOfMemory);
      assert.deepEqual([actions(raised), raised.status.prepare?.memoryLimit], [["deleteJob"], "64Mi"]);
      const made = asWanted("128Mi", raised.status, gone);
      assert.deepEqual([actions(made), made.status.prepare?.memoryLimit], [["createPrepare"], "128Mi"]);
    });
  });

  test("a message longer than a status allows still gives a valid status", () => {
    const failure = {
      exitCode: 20,
      retryable: false,
      exhausted: false,
      reason: "R".repeat(100),
      message: "W".repeat(9999),
    };
    const prepare = { job: aBatchJob(), state: { kind: "Failed", failure, endedAt: undefined } as const };
    const { status } = decide(aWorld(aJob(), { prepare }));
    assert.equal(fineTuneJobStatus.safeParse(status).error, undefined);
  });

  test("a prepare Job of other inputs that still runs is deleted", () => {
    assert.deepEqual(actions(decide(aWorld(aJob(), { stalePrepares: [aBatchJob()] }))), ["deleteJob", "createPrepare"]);
  });

  test("the operator never takes over a foreign Job of the needed name", () => {
    const decision = decide(aWorld(aJob(), { prepare: { job: aBatchJob(), state: { kind: "Foreign" } } }));
    assert.equal(stalled(decision)?.reason, "NameConflict");
  });
});
