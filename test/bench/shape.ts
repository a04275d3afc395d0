/** The training of all throughput figures: a Llama of 135 M random weights, LoRA of rank 16 on all linear layers, 2 × 512 tokens. */
import { closeSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import type { ModelConfig } from "../../trainer/contract/model.ts";
import { PackedDataset } from "../../trainer/data/packed/packedDataset.ts";
import { toBfloat16 } from "../../trainer/formats/bfloat16.ts";
import { byName, encodeHeader, type TensorFacts, tensorBytes } from "../../trainer/formats/safetensorsWriter.ts";
import type { CompileSpec, Weight } from "../../trainer/graph/compiled.ts";
import type { DataType } from "../../trainer/graph/tensor.ts";
import { encodeDataset } from "../../trainer/testing/memoryDataset.ts";

export type Format = "F32" | "BF16" | "NF4";
export const formats: readonly Format[] = ["F32", "BF16", "NF4"];

export const rows = 2;
export const rowTokens = 512;

export const model: ModelConfig = {
  family: "llama",
  vocabSize: 49_152,
  hiddenSize: 576,
  intermediateSize: 1536,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  contextLength: rowTokens,
  ropeTheta: 10_000,
  rmsNormEps: 1e-6,
  tieWordEmbeddings: true,
};

export function specOf(format: Format): CompileSpec {
  const dense = format === "F32" ? "F32" : "BF16";
  return {
    model,
    device: "cpu",
    storage: { dense, linear: format, doubleQuantization: format === "NF4" },
    method: {
      kind: "lora",
      rank: 16,
      alpha: 32,
      dropout: 0,
      targetModules: ["all-linear"],
      rankStabilized: false,
    },
    training: {
      optimizer: { type: "AdamW", weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, paged: false },
      maxGradNorm: 1,
    },
    precision: dense,
    rowTokens,
    microRows: rows,
    recomputedBlocks: 0,
  };
}

/** `microRows` rows of one example each, with every token trained but the first, and no padding. */
export function randomDataset({ model, rowTokens, microRows }: CompileSpec): PackedDataset {
  const examples = Array.from({ length: microRows }, (_, row) => ({
    tokens: Uint32Array.from({ length: rowTokens }, (_, i) => ((row * rowTokens + i) * 7919) % model.vocabSize),
    trained: Uint8Array.from({ length: rowTokens }, (_, i) => (i === 0 ? 0 : 1)),
    source: 0,
    line: row + 1,
  }));
  return new PackedDataset(
    encodeDataset(
      examples,
      examples.map((_, row) => [row]),
      rowTokens,
    ),
  );
}

/** Writes `model.safetensors` with every frozen weight; a weight's content depends on its name's position and the type. */
export function writeRandomBase(directory: string, weights: readonly Weight[]): void {
  const facts = weights.map(({ name, dtype, shape }): TensorFacts => ({ name, dtype, shape })).sort(byName);
  const file = openSync(path.join(directory, "model.safetensors"), "w");
  try {
    writeSync(file, encodeHeader(facts, {}));
    for (const [index, tensor] of facts.entries()) writeRandom(file, tensor, index);
  } finally {
    closeSync(file);
  }
}

/** A pool of normal numbers (deviation 0.02), long enough that no two rows of a matrix are equal. */
const pool = Float32Array.from({ length: (1 << 20) + 7 }, normal);
const pieces: Partial<Record<DataType, Uint8Array>> = {
  F32: new Uint8Array(pool.buffer),
  BF16: new Uint8Array(toBfloat16(pool).buffer),
  U8: Uint8Array.from(pool, (value) => Math.abs(value) * 1e5),
};

function writeRandom(file: number, tensor: TensorFacts, index: number): void {
  const piece = pieces[tensor.dtype as DataType];
  if (!piece) throw new Error(`${tensor.name}: no random ${tensor.dtype}`);
  const elementBytes = tensorBytes(tensor) / tensor.shape.reduce((product, dim) => product * dim, 1);
  let start = ((index * 7919) % 4096) * elementBytes;
  for (let left = tensorBytes(tensor); left > 0; start = 0) {
    left -= writeSync(file, piece, start, Math.min(left, piece.length - start));
  }
}

/** Box–Muller on a multiplicative sequence: reproducible, and random enough for measurements. */
function normal(_: number, index: number): number {
  const uniform = (n: number) => ((n * 0.6180339887498949) % 1) * 0.999 + 0.0005;
  return 0.02 * Math.sqrt(-2 * Math.log(uniform(2 * index + 1))) * Math.cos(2 * Math.PI * uniform(2 * index + 2));
}
