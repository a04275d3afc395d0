import assert from "node:assert/strict";
import { test } from "node:test";
import { learningRate, warmupSteps } from "./schedule.ts";

const warmups: [warmupRatio: number, steps: number, warmup: number][] = [
  [0, 100, 0],
  [0.03, 100, 3],
  [0.03, 101, 4],
  // In binary floating point 0.07 · 100 is above 7, and 0.29 · 100 below 29.
  [0.07, 100, 7],
  [0.29, 100, 29],
  [1, 7, 7],
];

for (const [warmupRatio, steps, warmup] of warmups) {
  test(`a warm-up of ${warmupRatio} of ${steps} steps is ${warmup} steps`, () => {
    assert.equal(warmupSteps({ type: "Linear", warmupRatio }, steps), warmup);
  });
}

test("the rate rises to its peak in equal steps, then decays along the schedule's curve", () => {
  const rates = (type: "Constant" | "Linear" | "Cosine") =>
    [1, 2, 3, 6].map((step) => learningRate({ schedule: { type, warmupRatio: 0.2 }, learningRate: 1 }, step, 10));
  assert.deepEqual(rates("Constant"), [0.5, 1, 1, 1]);
  assert.deepEqual(rates("Linear"), [0.5, 1, 1, 1 - 3 / 8]);
  assert.deepEqual(rates("Cosine"), [0.5, 1, 1, 0.5 * (1 + Math.cos((Math.PI * 3) / 8))]);
});
