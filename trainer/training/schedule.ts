/** The learning rate of a step, and AdamW's bias corrections; in double precision, rounded once by the program. Pure. */
import { ceilOfProduct } from "../contract/decimal.ts";
import type { OptimizerSettings, TrainingSettings } from "../contract/effective.ts";

/** Number of linear warm-up steps; the first one trains at 1/warmupSteps of the peak. */
export function warmupSteps(schedule: TrainingSettings["schedule"], steps: number): number {
  return ceilOfProduct(schedule.warmupRatio, steps);
}

/** Learning rate of step 1..steps. Linear and Cosine decay to 0, which they would reach at step `steps` + 1. */
export function learningRate(
  settings: Pick<TrainingSettings, "schedule" | "learningRate">,
  step: number,
  steps: number,
): number {
  const { schedule, learningRate: peak } = settings;
  const warmup = warmupSteps(schedule, steps);
  if (step <= warmup) return (peak * step) / warmup;
  const progress = (step - 1 - warmup) / Math.max(1, steps - warmup);
  switch (schedule.type) {
    case "Constant":
      return peak;
    case "Linear":
      return peak * (1 - progress);
    case "Cosine":
      return (peak * (1 + Math.cos(Math.PI * progress))) / 2;
  }
}

/** (learning rate, 1 − β₁ᵗ, √(1 − β₂ᵗ)) of step t.        Loshchilov & Hutter 2019 */
export function hyperOf(rate: number, step: number, { beta1, beta2 }: OptimizerSettings): Float32Array {
  return Float32Array.of(rate, 1 - beta1 ** step, Math.sqrt(1 - beta2 ** step));
}
