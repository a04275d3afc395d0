/** The effect of edits, beside what the operator's own functions do with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FineTuneJobSpec } from "../operator/api/fineTuneJob.ts";
import { anAdapter, aPinnedJob, aRun, aSpec } from "../operator/testing/builders.ts";
import { pathText } from "./changes.ts";
import { type Effect, editOf } from "./edit.ts";

const base = aSpec({
  training: { epochs: "2", batchTokens: 2048, learningRate: "2e-4" },
  evaluation: { test: { uri: "pvc://inputs/test.jsonl" }, metrics: ["ExactMatch"] },
});
const none = { adapters: [], runs: [] };

const edits: [string, Partial<FineTuneJobSpec>, [string, Effect][], RegExp][] = [
  ["no edit", {}, [], /^Nothing changes/],
  ["a default written out", { method: { lora: { rank: 8, dropout: "0" } } }, [], /^Nothing changes/],
  [
    "an equal decimal",
    { training: { epochs: "2", batchTokens: 2048, learningRate: "0.00020" } },
    [],
    /^Nothing changes/,
  ],
  [
    "a learning rate",
    { training: { epochs: "2", batchTokens: 2048, learningRate: "1e-4" } },
    [["training.learningRate", "Train"]],
    /inputs stay as they are staged; a new run trains on them \(run-/,
  ],
  [
    "the cadence of checkpoints",
    { training: { epochs: "2", batchTokens: 2048, learningRate: "2e-4", checkpoint: { everySteps: 50 } } },
    [["training.checkpoint.everySteps", "NextAttempt"]],
    /^Nothing is trained/,
  ],
  [
    "data and a limit",
    {
      dataset: { sources: [{ uri: "pvc://inputs/more.jsonl" }], maxSequenceLength: 512 },
      placement: { gpusPerNode: 0, resources: { limits: { memory: "4Gi" } } },
    },
    [
      ["dataset.sources[0].uri", "Prepare"],
      ["placement.resources.limits.memory", "NextAttempt"],
    ],
    /^The operator reads the inputs, and trains on them unless/,
  ],
  ["another method", { method: { dora: {} } }, [["method", "Train"]], /a new run trains/],
  [
    "a Secret",
    { baseModel: { uri: "pvc://inputs/model", secretRef: { name: "models" } } },
    [["baseModel.secretRef", "NextAttempt"]],
    /^Nothing is trained/,
  ],
  [
    "an export and a look at the data",
    { adapter: { exports: [{ name: "merged", merged: {} }] }, dataCheck: { schedule: "0 3 * * *" } },
    [
      ["dataCheck", "AtOnce"],
      ["adapter", "Exports"],
    ],
    /^Nothing is trained/,
  ],
  [
    "a pin",
    { promotion: { adapterRef: { name: "bot-1" } } },
    [["promotion", "Promotion"]],
    /promotes bot-1 and trains nothing/,
  ],
  ["another store", { artifacts: { uri: "pvc://other" } }, [["artifacts.uri", "Store"]], /new store/],
];
for (const [name, change, expected, outcome] of edits) {
  test(`${name} has the effect ${expected.map(([, effect]) => effect).join(", ") || "none"}`, () => {
    const edit = editOf(aPinnedJob(base), { ...base, ...change }, none);
    const found = edit.changes.map(({ path, effect }) => [pathText(path), effect] as const);
    assert.deepEqual(found.toSorted(), expected.toSorted());
    assert.match(edit.outcome, outcome);
  });
}

test("an edit back to settings that were trained takes their Adapter, or follows their run", () => {
  const before = aPinnedJob(base);
  const edited = { ...base, method: { lora: { rank: 4 } } };
  const there = aPinnedJob(edited);
  const adapter = anAdapter(there, aRun(there));
  assert.match(
    editOf(before, edited, { adapters: [adapter], runs: [] }).outcome,
    /takes Adapter bot-\S+ without a pod/,
  );
  const run = aRun(there, { state: "Stopped", lastCheckpointStep: 12 });
  const followed = editOf(before, edited, { adapters: [], runs: [run] }).outcome;
  assert.match(followed, /already \(Stopped, its last checkpoint is of step 12\); the job follows it/);
});
