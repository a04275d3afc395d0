/** The search for a method's learning rate. Pure. */
import type { LearningRate } from "./settings.ts";

/** The next rate below (`step` -1) or above (`step` 1) on the grid 1, 3 × 10^k. */
export function neighbour(rate: LearningRate, step: 1 | -1): LearningRate {
  const [digit, exponent] = rate.split("e-");
  const k = Number(exponent);
  if (digit === "1") return step === 1 ? `3e-${k}` : `3e-${k + 1}`;
  return step === 1 ? `1e-${k - 1}` : `1e-${k}`;
}

/** Goes to lower losses from `start` until both neighbours are worse. `lossAt` is called once for each rate. */
export function climb(start: LearningRate, lossAt: (rate: LearningRate) => number): LearningRate {
  let [best, lowest] = [start, lossAt(start)];
  for (const step of [1, -1] as const) {
    let moved = false;
    for (;;) {
      const next = neighbour(best, step);
      const loss = lossAt(next);
      if (!(loss < lowest)) break;
      [best, lowest, moved] = [next, loss, true];
    }
    if (moved) break;
  }
  return best;
}
