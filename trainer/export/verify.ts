/**
 * Verification of an export: runs the same prompts through base + adapter and through the model that was read back from
 * disk, both in F32 arithmetic, and compares their next-token distributions. Only the rounding of the written weights
 * may remain. An adapter's effect may be smaller than those bounds, so its presence is checked separately.
 */

import { compile } from "../compile/compile.ts";
import type { Quantization } from "../contract/exports.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { BaseTensors } from "../engine/baseValues.ts";
import { CacheForward } from "../engine/cacheForward.ts";
import { Engine } from "../engine/engine.ts";
import type { FloatType } from "../formats/bfloat16.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { ropeTable } from "../models/rope.ts";
import type { AdapterTensors } from "../weights/merge.ts";

export interface ModelToRun {
  model: ModelConfig;
  tensors: BaseTensors;
  storage: CompileSpec["storage"];
  method: CompileSpec["method"];
  adapter: AdapterTensors;
}

export interface VerifyOptions {
  threads: number;
  /** Called after each prompt. */
  onPrompt: (done: number) => void;
  signal: AbortSignal;
}

const slots = 8;
const prefillTokens = 256;

/** The logits after each prompt (1 or more tokens), in F32 arithmetic. Throws `Cancelled` once `signal` is aborted. */
export async function logitsOf(
  model: ModelToRun,
  prompts: readonly (readonly number[])[],
  { threads, onPrompt, signal }: VerifyOptions,
): Promise<Float32Array[]> {
  const capacity = Math.max(...prompts.map((prompt) => prompt.length));
  const shape = { slots, capacity, prefillTokens: Math.min(prefillTokens, Math.max(slots, capacity)) };
  const engine = new Engine(compile(specOf(model, shape)), { threads });
  try {
    await engine.bind(model.tensors);
    for (const [name, values] of model.adapter) engine.floats("parameter", name).set(values);
    await engine.run({ program: "derive" });
    const forward = new CacheForward(engine, shape, ropeTable(model.model, capacity, engine.compiled.positionOffset));
    const logits: Float32Array[] = [];
    for (const prompt of prompts) {
      await prefill(forward, prompt, signal);
      logits.push(forward.logits(0));
      onPrompt(logits.length);
    }
    return logits;
  } finally {
    engine.close();
  }
}

async function prefill(forward: CacheForward, prompt: readonly number[], signal: AbortSignal): Promise<void> {
  for (let start = 0; start < prompt.length; start += forward.maxTokens) {
    const part = prompt.slice(start, start + forward.maxTokens);
    const tokens = part.map((token, index) => ({ token, slot: 0, position: start + index }));
    await forward.run(tokens, signal);
  }
}

function specOf(
  { model, storage, method }: ModelToRun,
  generation: NonNullable<CompileSpec["generation"]>,
): CompileSpec {
  return {
    model,
    device: "cpu",
    storage,
    method,
    precision: "F32",
    rowTokens: 16,
    microRows: 1,
    recomputedBlocks: 0,
    generation,
  };
}

export interface Comparison {
  /** Largest difference of two logits. */
  maxLogitDifference: number;
  /** Mean over the prompts of KL(expected ‖ found), in nats. */
  klDivergence: number;
  /** Largest expected |logit|: the scale of the differences. */
  largestLogit: number;
}

/** Compares next-token distributions. Pure. */
export function compareLogits(expected: readonly Float32Array[], found: readonly Float32Array[]): Comparison {
  let maxLogitDifference = 0;
  let largestLogit = 0;
  let klDivergence = 0;
  for (const [index, wanted] of expected.entries()) {
    const got = found[index]!;
    for (const [token, logit] of wanted.entries()) {
      maxLogitDifference = maxOf(maxLogitDifference, Math.abs(logit - got[token]!));
      largestLogit = maxOf(largestLogit, Math.abs(logit));
    }
    klDivergence += divergence(wanted, got) / expected.length;
  }
  return { maxLogitDifference, klDivergence, largestLogit };
}

/** Math.max for finite values; a NaN never counts as "no difference". */
const maxOf = (a: number, b: number) => (Number.isNaN(b) ? Number.POSITIVE_INFINITY : Math.max(a, b));

/** KL(p ‖ q) of two softmaxes, in nats. */
function divergence(p: Float32Array, q: Float32Array): number {
  const [zp, zq] = [logSumExp(p), logSumExp(q)];
  let sum = 0;
  for (const [token, logit] of p.entries()) {
    const logP = logit - zp;
    sum += Math.exp(logP) * (logP - (q[token]! - zq));
  }
  return Math.max(0, sum);
}

function logSumExp(values: Float32Array): number {
  const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** The types that exports write. */
export type WrittenType = FloatType | Quantization;

/**
 * Bounds of a faithful export: for F32 only the order of sums differs (W + sBA against Wx + sB(Ax)); for BF16 each
 * weight is also rounded to 8 bits, by at most 2⁻⁹ of it, at random; for F16 to 11 bits, by at most 2⁻¹². Quantised weights have
 * errors of 0.5 % (Q8_0), 2 %, 4 % and 7 % (Q4_K) of their spread, at random; a small model's logits then differed by a tenth of these
 * bounds.
 */
export const bounds = {
  F32: { logitShare: 1e-3, klDivergence: 1e-6 },
  BF16: { logitShare: 0.05, klDivergence: 0.02 },
  F16: { logitShare: 0.01, klDivergence: 5e-4 },
  Q8_0: { logitShare: 0.1, klDivergence: 0.02 },
  Q6_K: { logitShare: 0.15, klDivergence: 0.05 },
  Q5_K_M: { logitShare: 0.2, klDivergence: 0.1 },
  Q4_K_M: { logitShare: 0.3, klDivergence: 0.2 },
} as const satisfies Record<WrittenType, object>;

/** Effects up to this share of the largest logit cannot be distinguished from rounding. */
const roundingShare = {
  F32: 1e-4,
  BF16: 2e-2,
  F16: 4e-3,
  Q8_0: 4e-2,
  Q6_K: 4e-2,
  Q5_K_M: 4e-2,
  Q4_K_M: 4e-2,
} as const satisfies Record<WrittenType, number>;

/** Allowed distance of the share of the effect from 1; a lost adapter has distance 1, a doubled scale about 1. */
const effectTolerance = 0.5;

/**
 * The reason why the adapter's effect is missing in the model found; undefined when it is present or too small to
 * measure. With δ = expected − base over all logits, (found − base)·δ / δ·δ is the present share; rounding is not along
 * δ.
 */
export function effectRefusal(
  base: readonly Float32Array[],
  expected: readonly Float32Array[],
  found: readonly Float32Array[],
  dtype: WrittenType,
): string | undefined {
  const effect = compareLogits(expected, base);
  if (effect.maxLogitDifference <= roundingShare[dtype] * Math.max(1, effect.largestLogit)) return undefined;
  let [along, whole] = [0, 0];
  for (const [index, logits] of base.entries()) {
    for (const [token, logit] of logits.entries()) {
      const delta = expected[index]![token]! - logit;
      along += (found[index]![token]! - logit) * delta;
      whole += delta * delta;
    }
  }
  const share = along / whole;
  if (Math.abs(share - 1) <= effectTolerance) return undefined;
  const way = dtype !== "F32" ? "; if it was rounded away, export merged with dtype F32" : "";
  return `it has ${share.toPrecision(3)} times the adapter's effect on the logits${way}`;
}

/** The reason to refuse an export by its comparison; undefined when the export is faithful. */
export function refusalOf(comparison: Comparison, dtype: WrittenType): string | undefined {
  const { maxLogitDifference, klDivergence, largestLogit } = comparison;
  const limit = bounds[dtype].logitShare * Math.max(1, largestLogit);
  if (!(maxLogitDifference <= limit)) return `logits differ by ${maxLogitDifference}, more than ${limit}`;
  if (klDivergence <= bounds[dtype].klDivergence) return undefined;
  return `the next-token distributions diverge by ${klDivergence} nats, more than ${bounds[dtype].klDivergence}`;
}
