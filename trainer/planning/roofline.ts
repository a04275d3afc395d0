/**
 * The time of a step on a GPU by a roofline (Williams, Waterman & Patterson 2009): an instruction takes the longer of its
 * arithmetic at the peak rate and its memory traffic at the peak bandwidth, each times an efficiency. Computed, not
 * measured. Copies between host and device and the starts of kernels are left out. Pure.
 */
import type { TrainingSettings } from "../contract/effective.ts";
import type { Compiled, ProgramKey, Work } from "../graph/compiled.ts";
import type { Gpu } from "./gpus.ts";

/** Assumed shares of the peaks, as tuned kernels for matrix products and for copies reach them. */
export const efficiency = { arithmetic: 0.6, bandwidth: 0.8 };

export interface StepTime {
  readonly seconds: number;
  /** Tokens of packed rows, padding included. */
  readonly tokensPerSecond: number;
  /** The ops with their shares of the time, the largest first. */
  readonly shares: readonly { readonly op: string; readonly share: number }[];
}

export function secondsOf({ flops, bytes, type }: Work, gpu: Gpu): number {
  const rate = type === "BF16" ? gpu.flops.bf16 : gpu.flops.f32;
  return Math.max(flops / (rate * efficiency.arithmetic), bytes / (gpu.bandwidth * efficiency.bandwidth));
}

/** A step's programs and how often each runs; every row is trained in full. */
function programsOf({ spec }: Compiled, { rowsPerStep, objective }: TrainingSettings): [ProgramKey, number][] {
  const batches = rowsPerStep / spec.microRows;
  const trainedRows = spec.rowTokens * spec.microRows;
  const once = (["begin", "derive", "pullback", "optimise"] as const).map((program): [ProgramKey, number] => [
    { program },
    1,
  ]);
  const losses = objective.type === "KTO" ? (["divergence", "micro"] as const) : (["micro"] as const);
  return [...once, ...losses.map((program): [ProgramKey, number] => [{ program, trainedRows }, batches])];
}

export function stepTime(compiled: Compiled, training: TrainingSettings, gpu: Gpu): StepTime {
  const byOp = new Map<string, number>();
  for (const [key, count] of programsOf(compiled, training)) {
    for (const work of compiled.program(key).work)
      byOp.set(work.op, (byOp.get(work.op) ?? 0) + count * secondsOf(work, gpu));
  }
  const seconds = [...byOp.values()].reduce((sum, time) => sum + time, 0);
  const tokens = training.rowsPerStep * compiled.spec.rowTokens;
  const shares = [...byOp].map(([op, time]) => ({ op, share: time / seconds })).sort((a, b) => b.share - a.share);
  return { seconds, tokensPerSecond: tokens / seconds, shares };
}
