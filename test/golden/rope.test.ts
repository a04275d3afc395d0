/** Our rotary tables and schedules against those of transformers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ropeTable } from "../../trainer/models/rope.ts";
import { learningRate } from "../../trainer/training/schedule.ts";
import { readSchedules, Tensors } from "./goldens.ts";

const headDim = 64;
/** One unit in the last place of a cosine near 1: transformers' own cosine is not correctly rounded. */
const bound = 2 ** -24;

test("cosines and sines are those of transformers to the last place, at any position", () => {
  const golden = new Tensors("rope.safetensors");
  const positions = new Int32Array(golden.bytes("positions").buffer);
  for (const theta of [10_000, 500_000]) {
    const table = ropeTable({ headDim, ropeTheta: theta }, Math.max(...positions) + 1);
    for (const part of ["cos", "sin"] as const) {
      const expected = golden.values(`theta-${theta}/${part}`);
      for (const [index, position] of positions.entries()) {
        for (let i = 0; i < table.width; i++) {
          const away = Math.abs(table[part][position * table.width + i]! - expected[index * table.width + i]!);
          assert.ok(away <= bound, `${part} of position ${position}, pair ${i}, theta ${theta} is ${away} away`);
        }
      }
    }
  }
});

test("schedules are those of transformers, but for a first step at rate 0", () => {
  for (const { type, warmupSteps, rates } of readSchedules()) {
    const steps = rates.length;
    const settings = { learningRate: 1, schedule: { type, warmupRatio: warmupSteps / steps } };
    for (let step = 1; step <= steps; step++) {
      // Theirs warms up from 0 at step 1; ours reaches the peak with the last step of the warm-up.
      const theirs = step <= warmupSteps ? rates[step]! : rates[step - 1]!;
      const ours = learningRate(settings, step, steps);
      assert.ok(Math.abs(ours - theirs) < 1e-12, `${type}, step ${step}: ${ours} instead of ${theirs}`);
    }
  }
});
