/** The timed parts of a bundle for a GPU (bundle.ts), and its steps of tiny models: a sweep of matrix products and attention, and training steps. Pure. */
import type { CompileSpec } from "../../../trainer/graph/compiled.ts";
import { aSpec, tinyLora, tinyModel } from "../../../trainer/testing/compiledRun.ts";
import {
  type Activations,
  attentions,
  type Benchmark,
  backward,
  crossEntropy,
  forward,
  weightGradient,
} from "../kernelShapes.ts";
import { models, settings } from "./budgets.ts";
import { stepCase } from "./stepCase.ts";

/** Something that is timed, and the work of one run. */
export interface Timed {
  readonly name: string;
  readonly flops: number;
  /** The tokens of a training step; absent for a single op. */
  readonly tokens?: number;
  readonly type: Activations;
}

/** Widths of a model of 8 billion parameters, 8,192 tokens. */
export function sweep(): Benchmark[] {
  const product = { type: "BF16", tokens: 8192, runs: 6 } as const;
  const shapes = [
    { out: 4096, width: 4096 },
    { out: 1024, width: 4096 },
    { out: 14_336, width: 4096 },
    { out: 4096, width: 14_336 },
  ];
  const attention = { type: "BF16", heads: 32, kvHeads: 8, headDim: 128, runs: 6 } as const;
  return [
    ...shapes.flatMap((shape) => [forward({ ...product, ...shape }), backward({ ...product, ...shape })]),
    ...shapes.flatMap((shape) => [
      forward({ ...product, ...shape, quantized: true, rank: 16 }),
      backward({ ...product, ...shape, quantized: true }),
    ]),
    forward({ ...product, type: "F32", tokens: 2048, out: 4096, width: 4096 }),
    weightGradient({ ...product, out: 16, width: 4096 }),
    weightGradient({ ...product, out: 4096, width: 4096 }),
    crossEntropy({ ...product, out: 128_256, width: 4096, runs: 3 }),
    ...attentions({ ...attention, examples: 4, length: 2048 }),
    ...attentions({ ...attention, examples: 1, length: 8192 }),
  ];
}

const llama = { ...aSpec(), device: "cuda" } as const satisfies CompileSpec;

/** Steps of a model that the reference computes, too. */
export const tinySteps = (): { readonly name: string; readonly bytes: Uint8Array }[] =>
  [
    { name: "LoRA with dropout, F32", spec: { ...llama, method: { ...tinyLora, dropout: 0.1 } }, relative: 1e-4 },
    { name: "full, F32", spec: llama, relative: 1e-4 },
    { name: "LoRA, BF16", spec: { ...llama, method: tinyLora, precision: "BF16" as const }, relative: 5e-2 },
    {
      ...{ name: "mixture of experts, F32", relative: 1e-4 },
      spec: {
        ...llama,
        model: { ...tinyModel, family: "mixtral" as const, experts: { count: 5, chosen: 2, width: 20 } },
      },
    },
  ].map(({ name, spec, relative }) => ({
    name,
    bytes: stepCase(spec, { relative, runs: 1, deviation: 0.3, gradients: true }).bytes,
  }));

export interface Training {
  readonly name: string;
  readonly model: keyof typeof models;
  readonly quantized: boolean;
  readonly rows: number;
  readonly recomputedBlocks: number;
  readonly runs: number;
  /** Seconds after which it is stopped. */
  readonly limit: number;
}

/** LoRA of rank 16 on all linear layers, rows of 2,048 tokens, in BF16. */
export const trainings: readonly Training[] = [
  { name: "0.6B NF4", model: "Qwen3 0.6B", quantized: true, rows: 4, recomputedBlocks: 0, runs: 3, limit: 40 },
  { name: "8B NF4", model: "Llama 3.1 8B", quantized: true, rows: 4, recomputedBlocks: 0, runs: 2, limit: 80 },
  { name: "8B BF16", model: "Llama 3.1 8B", quantized: false, rows: 4, recomputedBlocks: 0, runs: 2, limit: 80 },
  { name: "70B NF4", model: "Llama 3.1 70B", quantized: true, rows: 1, recomputedBlocks: 80, runs: 2, limit: 120 },
];

export function trainingStep({
  name,
  model,
  quantized,
  rows,
  recomputedBlocks,
  runs,
}: Training): Timed & { readonly bytes: Uint8Array } {
  const { method, training, dataset } = settings;
  const { optimizer, maxGradNorm } = training;
  const spec: CompileSpec = {
    ...{ model: models[model], device: "cuda", method, training: { optimizer, maxGradNorm } },
    storage: { dense: "BF16", linear: quantized ? "NF4" : "BF16", doubleQuantization: quantized },
    ...{ precision: "BF16", rowTokens: dataset.maxSequenceLength, microRows: rows, recomputedBlocks },
  };
  return { name, type: "BF16", ...stepCase(spec, { runs, deviation: 0.02, relative: 1, gradients: false }) };
}
