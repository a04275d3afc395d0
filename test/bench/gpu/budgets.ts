/**
 * The table of computed budgets in docs/gpu.md: the planner's figures for one H100 that trains LoRA of rank 16 on bases in
 * NF4, 4 rows of 2,048 tokens a step.
 *
 *   node tools/node24.mjs test/bench/gpu/budgets.ts     # writes the table
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { formatBytes, formatCount, formatMilliseconds, formatShare } from "../../../terminal/format.ts";
import { effectiveSettings } from "../../../trainer/contract/effective.ts";
import { gpus } from "../../../trainer/planning/gpus.ts";
import { type PlanInput, plan } from "../../../trainer/planning/plan.ts";
import { gpuTarget } from "../../../trainer/planning/target.ts";
import { markdownRow, writeMarked } from "../marked.ts";

export const page = path.join(import.meta.dirname, "../../../docs/gpu.md");

const llama3 = { family: "llama", vocabSize: 128_256, kvHeads: 8, headDim: 128, contextLength: 131_072 } as const;
const llama3Values = { ropeTheta: 500_000, rmsNormEps: 1e-5, tieWordEmbeddings: false };

/** Shapes of real checkpoints. */
export const models = {
  "Qwen3 0.6B": {
    family: "qwen3",
    vocabSize: 151_936,
    hiddenSize: 1024,
    intermediateSize: 3072,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    contextLength: 40_960,
    ropeTheta: 1_000_000,
    rmsNormEps: 1e-6,
    tieWordEmbeddings: true,
  },
  "Llama 3.1 8B": {
    ...llama3,
    hiddenSize: 4096,
    intermediateSize: 14_336,
    layers: 32,
    heads: 32,
    ...llama3Values,
  },
  "Llama 3.1 70B": {
    ...llama3,
    hiddenSize: 8192,
    intermediateSize: 28_672,
    layers: 80,
    heads: 64,
    ...llama3Values,
  },
} satisfies Record<string, PlanInput["model"]>;

/** LoRA of rank 16 on all linear layers, 4 rows of 2,048 tokens a step. */
export const settings = effectiveSettings({
  baseModel: { uri: "pvc://base/model", quantization: { type: "NF4", doubleQuantization: true } },
  dataset: { sources: [{ uri: "pvc://data/train.jsonl" }], maxSequenceLength: 2048 },
  method: { lora: { rank: 16 } },
  training: { batchTokens: 8192, precision: "BF16" },
});

const columns = ["base", "weights", "state", "activations", "workspace", "context", "together", "micro-batch"];
export const header = [...columns, "recomputed", "a step", "tokens/s", "linear layers"];

/** A row of the table. */
export function budgetRow(name: keyof typeof models): string[] {
  const gpu = gpus.find((one) => one.name === "h100-80gb");
  if (!gpu) throw new Error("the table of GPUs has no H100");
  const model = models[name];
  const { memory, predictedPeakBytes, microRows, recomputedBlocks, stepTime } = plan({
    settings,
    model,
    baseDataType: "BF16",
    dataset: { rows: 1000, examples: 4000, tokens: 2_000_000, validationExamples: 0, testExamples: 0 },
    availableBytes: gpu.memoryBytes,
    target: gpuTarget(gpu),
    isRemote: false,
  });
  if (!stepTime) throw new Error("a plan for a GPU has the time of a step");
  const { parameters, derived, gradients, moments } = memory;
  const linear = stepTime.shares.filter(({ op }) => op.startsWith("linear") && op !== "linearCrossEntropy");
  return [
    name,
    formatBytes(memory.weights),
    formatBytes(parameters + derived + gradients + moments),
    formatBytes(memory.activations),
    formatBytes(memory.scratch),
    formatBytes(memory.process),
    formatBytes(predictedPeakBytes),
    `${microRows} × 2,048`,
    `${recomputedBlocks} of ${model.layers}`,
    formatMilliseconds(stepTime.seconds),
    formatCount(stepTime.tokensPerSecond),
    formatShare(linear.reduce((sum, { share }) => sum + share, 0)),
  ];
}

/** The cells of a row of the table as the page shows it. */
export function rowOnPage(name: string): string[] {
  const row = readFileSync(page, "utf8")
    .split("\n")
    .find((line) => line.startsWith(`| ${name} `));
  return (row ?? "")
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

if (import.meta.main) {
  const rows = Object.keys(models).flatMap((name) => (isModel(name) ? [budgetRow(name)] : []));
  const lines = [header, header.map(() => "---"), ...rows].map(markdownRow);
  writeMarked("budgets", lines.join("\n"), page);
}

function isModel(name: string): name is keyof typeof models {
  return name in models;
}
