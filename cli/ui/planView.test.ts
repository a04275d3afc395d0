import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveSettings } from "../../trainer/contract/effective.ts";
import type { TrainingSpec } from "../../trainer/contract/settings.ts";
import type { EndToken } from "../../trainer/data/encoding/endTokens.ts";
import { gpus } from "../../trainer/planning/gpus.ts";
import type { Plan } from "../../trainer/planning/plan.ts";
import { type PlanInput, plan } from "../../trainer/planning/plan.ts";
import { cpuTarget, gpuTarget } from "../../trainer/planning/target.ts";
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

const inputOn = (
  target: PlanInput["target"],
  availableBytes = 8e9,
  method: TrainingSpec["method"] = { lora: {} },
): PlanInput & { readonly endTokens: readonly EndToken[] } => ({
  settings: effectiveSettings({
    baseModel: { uri: "pvc://base/model" },
    dataset: { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 16 },
    method,
    training: { optimizer: { type: "AdamW8bit", paged: true } },
  }),
  model: tinyModel,
  baseDataType: "F32",
  dataset: { rows: 10, examples: 10, tokens: 100, validationExamples: 0, testExamples: 0 },
  availableBytes,
  target,
  isRemote: false,
  endTokens: [
    { id: 1, text: "<|im_end|>" },
    { id: 2, text: "</s>" },
  ],
});

test("the plan names a setting that has no effect on a CPU", () => {
  const input = inputOn(cpuTarget(1));
  const lines = planLines(plan(input), input);
  assert.ok(lines.includes("note: training.optimizer.paged has no effect on a CPU"));
  assert.ok(lines.includes("memory, with 1 threads"));
  assert.ok(lines.includes("end tokens   <|im_end|> (1), </s> (2)"));
  assert.ok(!lines.some((line) => /GPU|not measured/.test(line)));
});

test("the plan for a GPU shows its peaks with their source, its memory, and a speed that is marked as computed", () => {
  const [gpu] = gpus;
  assert.ok(gpu);
  const input = inputOn(gpuTarget(gpu), gpu.memoryBytes);
  const text = planLines(plan(input), input).join("\n");
  for (const part of [
    /^expected +\d.* tokens\/s, \d.* ms a step: computed from the GPU's peaks, not measured$/m,
    /^NVIDIA A100 SXM 40 GB: 108 multiprocessors, 312 TFLOP\/s in BF16, 19\.5 TFLOP\/s in F32, 1\.6 TB\/s \(NVIDIA A100 .* data sheet\)$/m,
    /^memory of the GPU$/m,
    /^ {2}workspace of kernels +\d/m,
    /^ {2}context with the kernels \(assumed\) +768 MiB$/m,
    /^time of a step, computed: .* 60\.0 % .* 80\.0 % of the peak$/m,
    /^ {2}linear +\d+\.\d %$/m,
    /^fits: .* of 39\.4 GiB$/m,
  ]) {
    assert.match(text, part);
  }
  assert.doesNotMatch(text, /threads|the process itself|packed data sets/);
});

test("the plan of adapted experts counts their parameters, and explains each of them", () => {
  const model = { ...tinyModel, family: "mixtral", experts: { count: 5, chosen: 2, width: 12 } } as const;
  const method = { lora: { rank: 2, targetModules: ["q_proj"], targetParameters: ["layers.1.mlp.experts.down_proj"] } };
  const input = { ...inputOn(cpuTarget(1), 8e9, method), model };
  const text = planLines(plan(input), input, []).join("\n");
  assert.match(text, /adapted +2 linear layers, all fused; 1 parameter of experts/);
  assert.match(text, /layers\.0\.mlp\.experts\.gate_up_proj +5 × 24 × 24 +F32\n/);
  assert.match(text, /layers\.1\.mlp\.experts\.down_proj +5 × 24 × 12 +F32 +lora_A\.weight, lora_B\.weight \(fused\)/);
});
