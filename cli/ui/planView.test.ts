import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import type { Plan } from "../../trainer/planning/plan.ts";
import { type PlanInput, plan } from "../../trainer/planning/plan.ts";
import { cpuTarget } from "../../trainer/planning/target.ts";
import { tinyModel } from "../../trainer/testing/compiledRun.ts";
import { planLines, storageText } from "./planView.ts";

const storages: [Plan["spec"]["storage"], string][] = [
  [{ dense: "BF16", linear: "BF16", doubleQuantization: false }, "in BF16"],
  [
    { dense: "BF16", linear: "NF4", doubleQuantization: true },
    "linear layers in NF4, double quantisation; embeddings and norms in BF16",
  ],
  [
    { dense: "BF16", linear: "NF4", doubleQuantization: false, unquantized: ["self_attn.k_proj"] },
    "linear layers in NF4; self_attn.k_proj, embeddings and norms in BF16",
  ],
  [{ dense: "F32", linear: "NF4", doubleQuantization: false }, "linear layers in NF4; embeddings and norms in F32"],
];

for (const [storage, text] of storages) {
  test(`a base is "${text}"`, () => assert.equal(storageText(storage), text));
}

test("the plan names a setting that has no effect on a CPU", () => {
  const input: PlanInput = {
    settings: effectiveSettings({
      baseModel: { uri: "pvc://base/model" },
      dataset: { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 16 },
      method: { lora: {} },
      training: { optimizer: { type: "AdamW8bit", paged: true } },
    }),
    model: tinyModel,
    baseDataType: "F32",
    dataset: { rows: 10, examples: 10, tokens: 100, validationExamples: 0, testExamples: 0 },
    availableBytes: 8e9,
    target: cpuTarget(1),
    isRemote: false,
  };
  assert.ok(planLines(plan(input), input).includes("note: training.optimizer.paged has no effect on a CPU"));
});
