import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveSettings } from "../contract/effective.ts";
import type { LearningRateSchedule } from "../contract/learningRateSchedule.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { learningRate, warmupSteps } from "./schedule.ts";

type WrittenSchedule = NonNullable<NonNullable<TrainingSpec["training"]>["learningRateSchedule"]>;

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

test("a schedule's own settings have their defaults, and the steps of both shares fit every run", () => {
  const rates = (schedule: Omit<LearningRateSchedule, "warmupRatio">, steps: number, warmupRatio = 0.5) =>
    Array.from({ length: steps }, (_, index) =>
      learningRate({ schedule: { ...schedule, warmupRatio }, learningRate: 2 }, index + 1, steps),
    );
  const halves = { type: "WarmupStableDecay", decayRatio: 0.5, decayType: "Linear" } as const;
  // Each half of a single step is rounded up to it, and each half of three to two: the warm-up comes first.
  assert.deepEqual(rates(halves, 1), [2]);
  assert.deepEqual(rates(halves, 3), [1, 2, 2]);
  assert.deepEqual(rates(halves, 4), [1, 2, 2, 1]);
  assert.deepEqual(rates({ ...halves, minimumRatio: 0.5 }, 4), [1.5, 2, 2, 1.5]);
  // A decay over 0.1 of the steps along a half cosine to 0.
  const usual = rates({ type: "WarmupStableDecay" }, 20, 0);
  assert.deepEqual(usual.slice(0, 19), Array(19).fill(2));
  assert.ok(Math.abs(usual[19]! - 1) < 1e-15);
  assert.deepEqual(rates({ type: "Cosine", minimumRatio: 1 }, 3, 0), [2, 2, 2]);
  assert.deepEqual(rates({ type: "InverseSquareRoot", timescale: 1 }, 4, 0), [
    2,
    2 / Math.sqrt(2),
    2 / Math.sqrt(3),
    1,
  ]);
});

test("the written settings of a schedule give its rates", () => {
  const rates = (learningRateSchedule: WrittenSchedule, steps: number) => {
    const { training } = effectiveSettings({
      baseModel: { uri: "pvc://models/base" },
      dataset: { sources: [{ uri: "pvc://data/train.jsonl" }] },
      method: { lora: {} },
      training: { learningRate: "2", learningRateSchedule },
    });
    return Array.from({ length: steps }, (_, index) => learningRate(training, index + 1, steps));
  };
  const ends = { warmupRatio: "0.25", minimumRatio: "0.5" };
  assert.deepEqual(
    rates({ type: "WarmupStableDecay", ...ends, decayRatio: "0.5", decayType: "Linear" }, 4),
    [2, 2, 2, 1.5],
  );
  assert.deepEqual(rates({ type: "Cosine", warmupRatio: "0", minimumRatio: "0.5" }, 2), [2, 1.5]);
  // A warm-up of two steps is the time scale.
  const inverse = [1, 2, 2, 2 / Math.sqrt(3 / 2), 2 / Math.sqrt(4 / 2)];
  assert.deepEqual(rates({ type: "InverseSquareRoot", warmupRatio: "0.25" }, 5), inverse);
});
