import assert from "node:assert/strict";
import { test } from "node:test";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { labels } from "../../operator/api/names.ts";
import type { Pod } from "../../operator/jobs/resources.ts";
import { activePod, isPodOf, standingOf } from "./world.ts";

const time = "2026-01-01T00:00:00Z";

function aJob(status: FineTuneJob["status"] = {}, generation = 2): FineTuneJob {
  return {
    apiVersion: "luthier.dev/v1alpha1",
    kind: "FineTuneJob",
    metadata: { name: "spam-filter", generation },
    spec: {
      baseModel: { uri: "pvc://models/base" },
      dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
      method: { lora: {} },
      placement: { gpusPerNode: 0 },
      artifacts: { uri: "pvc://artifacts/luthier" },
    },
    status,
  };
}

const condition = (type: string, status: "True" | "False", message = "", reason = "Because") => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: time,
});

const standings: [string, FineTuneJob, ReturnType<typeof standingOf>][] = [
  ["a new job", aJob(), { kind: "going", state: "Pending", message: "the operator has not observed it yet" }],
  [
    "a running job",
    aJob({ observedGeneration: 2, state: "Training", conditions: [condition("Reconciling", "True", "step 3 of 9")] }),
    { kind: "going", state: "Training", message: "step 3 of 9" },
  ],
  ["a ready job", aJob({ observedGeneration: 2, conditions: [condition("Ready", "True")] }), { kind: "ready" }],
  [
    "a job whose new Adapter is not better",
    aJob({
      observedGeneration: 2,
      conditions: [condition("Ready", "True"), condition("Promoted", "False", "Adapter b is not better than a.")],
    }),
    { kind: "ready", note: "Adapter b is not better than a." },
  ],
  [
    "a trained job without a promoted Adapter, whose Adapter a person promotes",
    aJob({
      observedGeneration: 2,
      state: "NotPromoted",
      conditions: ["Promoted", "Ready"].map((type) =>
        condition(type, "False", "Adapter b is trained.", "AwaitingPromotion"),
      ),
    }),
    { kind: "unpromoted", note: "Adapter b is trained." },
  ],
  [
    "a job whose new Adapter a person promotes, with another promoted one",
    aJob({
      observedGeneration: 2,
      conditions: [
        condition("Ready", "True", "", "AwaitingPromotion"),
        condition("Promoted", "False", "Adapter b is trained.", "AwaitingPromotion"),
      ],
    }),
    { kind: "ready", note: "Adapter b is trained." },
  ],
  [
    "a job whose new Adapter a person promotes, while the promoted one is exported",
    aJob({
      observedGeneration: 2,
      state: "Exporting",
      conditions: [
        condition("Ready", "False", "", "Exporting"),
        condition("Reconciling", "True", "1 of 2 exports"),
        condition("Promoted", "False", "Adapter b is trained.", "AwaitingPromotion"),
      ],
    }),
    { kind: "going", state: "Exporting", message: "1 of 2 exports" },
  ],
  [
    "a job that waited for a promotion before its last edit",
    aJob({
      observedGeneration: 1,
      state: "NotPromoted",
      conditions: [condition("Ready", "False", "Adapter b is trained.", "AwaitingPromotion")],
    }),
    { kind: "going", state: "NotPromoted", message: "the operator has not observed it yet" },
  ],
  [
    "a job that was ready before its last edit",
    aJob({ observedGeneration: 1, state: "Ready", conditions: [condition("Ready", "True")] }),
    { kind: "going", state: "Ready", message: "the operator has not observed it yet" },
  ],
  [
    "a stalled job",
    aJob({
      observedGeneration: 2,
      conditions: [condition("Stalled", "True", "rank is 0"), condition("Ready", "False")],
    }),
    { kind: "failed", reason: "Because", message: "rank is 0" },
  ],
];
for (const [name, job, expected] of standings) {
  test(`the standing of ${name} is "${expected.kind}"`, () => assert.deepEqual(standingOf(job), expected));
}

function aPod(name: string, phase: string, label: Record<string, string>, created = time): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: label, creationTimestamp: created },
    status: { phase },
  };
}

test("the active pod is the newest unfinished pod of the job or of its run", () => {
  const job = aJob({ currentRunRef: { name: "run-1", uid: "u" } });
  const mine = { [labels.job]: "spam-filter" };
  const pods = [
    aPod("prepare", "Succeeded", mine),
    aPod("train-1", "Failed", { [labels.run]: "run-1" }),
    aPod("train-2", "Running", { [labels.run]: "run-1" }, "2026-01-01T00:01:00Z"),
    aPod("foreign", "Running", { [labels.job]: "another" }, "2026-01-01T00:02:00Z"),
  ];
  assert.equal(activePod(pods.filter(isPodOf(job)))?.metadata.name, "train-2");
  const foreign = aPod("foreign", "Running", { [labels.job]: "another" });
  assert.equal(activePod([foreign].filter(isPodOf(aJob()))), undefined);
});
