import assert from "node:assert/strict";
import { test } from "node:test";
import { adalora } from "../../contract/methods/adalora.ts";
import { effectiveMethod } from "../../contract/methods/index.ts";
import { budgetAt, keptTriplets } from "./allocation.ts";

const settings = adalora.schema.parse(
  effectiveMethod({ adalora: { initialRank: 4, targetRank: 2, initialSteps: 4, finalSteps: 5 } }),
);

test("the budget is full for the initial steps and falls cubically to the target at the start of the final steps", () => {
  const budgets = [0, 4, 5, 10, 14, 15].map((step) => budgetAt(settings, step, 20, 3));
  // 12 triplets of 3 matrices; (12 − 6)·left³ + 6, left = 1 − (step − 4)/11.
  assert.deepEqual(budgets, [12, 12, 10, 6, 6, 6]);
  assert.equal(budgetAt(settings, 7, 20, 3), Math.floor(6 * (8 / 11) ** 3 + 6));
});

test("the budget never falls below the target, even if a run is shorter than its phases", () => {
  for (let step = 0; step <= 6; step++) assert.ok(budgetAt(settings, step, 6, 3) >= 6);
});

test("the allocation keeps the triplets with the highest scores of all matrices together", () => {
  const scores = [Float64Array.of(5, 1, 4), Float64Array.of(3, 2, 6)];
  assert.deepEqual(keptTriplets(scores, 3), [Float32Array.of(1, 0, 1), Float32Array.of(0, 0, 1)]);
  assert.deepEqual(keptTriplets(scores, 6), [Float32Array.of(1, 1, 1), Float32Array.of(1, 1, 1)]);
});

test("triplets that tie with the last pruned one are pruned too, as in PEFT", () => {
  assert.deepEqual(keptTriplets([Float64Array.of(0, 0, 0, 1)], 2), [Float32Array.of(0, 0, 0, 1)]);
});
