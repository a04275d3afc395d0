import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FineTuneJob } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { jobState } from "../jobs/outcome.ts";
import { aBatchJob, aJob, anEnvelope, aPinnedJob, aPod, aRun, aSpec, failed, succeeded } from "../testing/builders.ts";
import { actions, aPlan, aWorld, conditionOf, pinned, withRun } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import { inputsMessage } from "./facts.ts";
import { askedLook, dueLook } from "./pins.ts";
import type { World } from "./world.ts";

const known = ["InputsResolved", "Fits", "LastRunSucceeded"];
const statuses = (world: World) => {
  const { status } = decide(world);
  return known.map((type) => conditionOf({ status }, type)?.status);
};

describe("the conditions about the settings", () => {
  test("the conditions about the settings are present and Unknown after the first reconcile", () => {
    assert.deepEqual(statuses(aWorld()), ["Unknown", "Unknown", "Unknown"]);
  });

  test("the conditions about the settings follow the steps", () => {
    assert.deepEqual(statuses(pinned()), ["True", "True", "Unknown"]);
    assert.deepEqual(statuses(pinned({ plan: aPlan(false) })), ["True", "False", "Unknown"]);
    assert.deepEqual(statuses(withRun(({ run }) => ({ run: succeeded(run!) }))), ["True", "True", "True"]);
    assert.deepEqual(statuses(withRun(({ run }) => ({ run: failed(run!) }))), ["True", "Unknown", "False"]);
  });

  test("the conditions about the settings describe no old data after an edit of the data", () => {
    const before = decide(pinned()).status;
    const spec = aSpec({ dataset: { sources: [{ uri: "pvc://inputs/other.jsonl" }] } });
    const decision = decide(aWorld(aJob(spec, before)));
    assert.equal(conditionOf({ status: before }, "Fits")?.status, "True");
    assert.equal(conditionOf(decision, "InputsResolved")?.status, "Unknown");
    assert.equal(conditionOf(decision, "Fits")?.status, "Unknown");
    assert.equal(decision.status.plan, undefined);
  });

  test("the conditions about the settings report unreadable inputs as not resolved, with the trainer's message", () => {
    const message = anEnvelope({ stage: "Prepare", outcome: "Failed", reason: "BadRow", message: "train.jsonl:7" });
    const state = jobState(aBatchJob({ type: "Failed" }), [aPod({ exitCode: 20, message })]);
    const { status } = decide(aWorld(aJob(), { prepare: { job: aBatchJob(), state } }));
    const condition = conditionOf({ status }, "InputsResolved");
    assert.deepEqual([condition?.status, condition?.reason, condition?.message], ["False", "BadRow", "train.jsonl:7"]);
  });

  test("the conditions about the settings let a run continue if the operator knows no node to compare with", () => {
    const plan = aPlan(true);
    assert.ok(plan.kind === "planned");
    const { availableBytes: _, ...unknown } = plan.plan;
    const decision = decide(pinned({ plan: { ...plan, plan: unknown } }));
    const fits = conditionOf(decision, "Fits");
    assert.deepEqual([fits?.status, fits?.reason, actions(decision)], ["Unknown", "NoNodeKnown", ["createRun"]]);
  });
});

test("the message about the inputs names dropped rows and unused columns", () => {
  const { dataset } = aPinnedJob().status!.inputs!;
  const plain = inputsMessage({ dataset, model: {} });
  const noted = inputsMessage({
    model: {},
    dataset: { ...dataset, overlongExamples: 5, firstOverlong: "pvc://inputs/a.jsonl:3", ignoredColumns: ["history"] },
  });
  assert.ok(noted.startsWith(`${plain} `), noted);
  assert.match(noted, /5 of \d+ examples .*pvc:\/\/inputs\/a\.jsonl:3.* not used: history\.$/);
});

describe("a refresh of the inputs requested during a run", () => {
  const asking = (job: FineTuneJob, value: string): FineTuneJob => ({
    ...job,
    metadata: { ...job.metadata, annotations: { [annotations.requestedAt]: value } },
  });
  const job = aPinnedJob();
  const run = aRun(job);
  const { specHash } = run.spec;
  const withAdapter = {
    ...job,
    status: { ...job.status, currentRunRef: { name: "r", uid: "u", adapterName: "bot-1" } },
  };

  test("a refresh of the inputs requested during a run waits until the run has its Adapter or has failed, so fast-changing data starve no training", () => {
    assert.equal(dueLook(asking(job, "1"), run, specHash), undefined);
    assert.equal(dueLook(asking(job, "2"), run, specHash), undefined);
    assert.equal(dueLook(asking(job, "2"), succeeded(run), specHash), undefined);
    assert.equal(dueLook(asking(withAdapter, "2"), succeeded(run), specHash), "2");
    assert.equal(dueLook(asking(job, "2"), failed(run), specHash), "2");
  });

  test("a refresh of the inputs requested during a run does not wait for a run of other settings, nor without a run", () => {
    assert.equal(dueLook(asking(job, "1"), run, "0".repeat(64)), "1");
    assert.equal(dueLook(asking(job, "1"), undefined, specHash), "1");
  });

  test("a refresh of the inputs requested during a run is reported meanwhile, and does not count as handled", () => {
    const conditions = [
      { type: "Ready", status: "False" as const, reason: "Training", message: "Training.", lastTransitionTime: "x" },
    ];
    const world = withRun((base) => ({
      job: asking(base.job, "1"),
      run: { ...base.run!, status: { state: "Training", conditions } },
    }));
    const decision = decide(world);
    assert.match(conditionOf(decision, "Ready")?.message ?? "", /^Training\. The operator reads the inputs again/);
    assert.equal(askedLook({ ...world.job, status: decision.status }), "1");
  });

  test("a refresh of the inputs requested during a run is compared by the characters that a status keeps", () => {
    assert.equal(askedLook(asking(job, "x".repeat(1000)))?.length, 64);
  });
});
