/** The learning rate of a step, and AdamW's bias corrections; in double precision, rounded once by the program. Pure. */
import { ceilOfProduct } from "../contract/decimal.ts";
import type { OptimizerSettings, TrainingSettings } from "../contract/effective.ts";
import { type LearningRateSchedule, scheduleDefaults } from "../contract/learningRateSchedule.ts";

/** Number of linear warm-up steps; the first one trains at 1/warmupSteps of the peak. */
export function warmupSteps(schedule: LearningRateSchedule, steps: number): number {
  return ceilOfProduct(schedule.warmupRatio, steps);
}

/** Learning rate of step 1..steps. Each decay that ends would reach its minimum at step `steps` + 1. */
export function learningRate(
  { schedule, learningRate: peak }: Pick<TrainingSettings, "schedule" | "learningRate">,
  step: number,
  steps: number,
): number {
  const { type, minimumRatio = scheduleDefaults.minimumRatio } = schedule;
  const warmup = warmupSteps(schedule, steps);
  if (step <= warmup) {
    return type === "WarmupStableDecay" ? peak * above(minimumRatio, step / warmup) : (peak * step) / warmup;
  }
  // Steps since the warm-up.
  const after = step - 1 - warmup;
  switch (type) {
    case "Constant":
      return peak;
    case "Linear":
      return peak * curves.Linear(after / (steps - warmup));
    case "Cosine":
      return peak * above(minimumRatio, curves.Cosine(after / (steps - warmup)));
    case "Polynomial": {
      const { power = scheduleDefaults.power } = schedule;
      return peak * above(minimumRatio, curves.Linear(after / (steps - warmup)) ** power);
    }
    case "InverseSquareRoot": {
      const { timescale = warmup || timescaleWithoutWarmup } = schedule;
      return peak / Math.sqrt((after + timescale) / timescale);
    }
    case "WarmupStableDecay": {
      const { decayRatio = scheduleDefaults.decayRatio, decayType = scheduleDefaults.decayType } = schedule;
      // Both shares are rounded up, so that their sum may exceed the run by a step: the warm-up comes first.
      const decay = Math.min(ceilOfProduct(decayRatio, steps), steps - warmup);
      const stable = steps - warmup - decay;
      if (after < stable) return peak;
      return peak * above(minimumRatio, curves[decayType]((after - stable) / decay));
    }
  }
}

/** transformers' time scale of a schedule without warm-up. */
const timescaleWithoutWarmup = 10_000;

/** From 1 at the start of the decay to 0 at its end. */
const curves = {
  Linear: (progress: number) => 1 - progress,
  Cosine: (progress: number) => (1 + Math.cos(Math.PI * progress)) / 2,
  OneMinusSquareRoot: (progress: number) => 1 - Math.sqrt(progress),
};

/** `share` of the way from the minimum to the peak, as a share of the peak. */
const above = (minimum: number, share: number): number => share * (1 - minimum) + minimum;

/** (learning rate, 1 − β₁ᵗ, √(1 − β₂ᵗ)) of step t.        Loshchilov & Hutter 2019 */
export function hyperOf(
  rate: number,
  step: number,
  { beta1, beta2 }: Pick<OptimizerSettings, "beta1" | "beta2">,
): Float32Array {
  return Float32Array.of(rate, 1 - beta1 ** step, Math.sqrt(1 - beta2 ** step));
}
