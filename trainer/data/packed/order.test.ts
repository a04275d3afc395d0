import assert from "node:assert/strict";
import { test } from "node:test";
import { hyperOf, learningRate } from "../../training/schedule.ts";
import { RowOrder, rowsOfRun, shuffledRows, stepsOfRun } from "./order.ts";

const epochs = (count: number, rowsPerStep: number) =>
  ({ length: { kind: "epochs", epochs: count }, rowsPerStep, seed: 3 }) as const;

test("an epoch is a permutation that depends on seed and epoch", () => {
  const rows = shuffledRows(100, 0, 1);
  assert.deepEqual(
    [...rows].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, row) => row),
  );
  assert.deepEqual(rows, shuffledRows(100, 0, 1));
  assert.notDeepEqual(rows, shuffledRows(100, 1, 1));
  assert.notDeepEqual(rows, shuffledRows(100, 0, 2));
});

test("steps divide the sequence of epochs, and the last one may be short", () => {
  const order = new RowOrder(epochs(2, 4), 5);
  assert.equal(order.steps, 3);
  const rows = [1, 2, 3].map((step) => order.rowsOfStep(step));
  assert.deepEqual(
    rows.map((step) => step.length),
    [4, 4, 2],
  );
  assert.deepEqual(rows.flat().slice(0, 5).sort(), [0, 1, 2, 3, 4]);
  assert.deepEqual(rows.flat().slice(5).sort(), [0, 1, 2, 3, 4]);
  assert.equal(order.epochsAfter(3), 2);
});

test("a step's rows do not depend on earlier requests", () => {
  const settings = epochs(3, 4);
  const forwards = new RowOrder(settings, 5);
  const all = Array.from({ length: forwards.steps }, (_, index) => forwards.rowsOfStep(index + 1));
  for (const [index, rows] of all.entries()) {
    assert.deepEqual(new RowOrder(settings, 5).rowsOfStep(index + 1), rows);
  }
});

test("the length of a run is its epochs in rows, or its steps", () => {
  const cases: [Parameters<typeof rowsOfRun>[0], number, number, number][] = [
    [epochs(1, 16), 5, 5, 1],
    [epochs(0.5, 4), 10, 5, 2],
    [epochs(0.01, 4), 10, 1, 1],
    [epochs(1.1, 10), 100, 110, 11],
    [epochs(2.3, 10), 100, 230, 23],
    [{ length: { kind: "steps", steps: 7 }, rowsPerStep: 4 }, 3, 28, 7],
  ];
  for (const [settings, rows, expectedRows, expectedSteps] of cases) {
    assert.equal(rowsOfRun(settings, rows), expectedRows);
    assert.equal(stepsOfRun(settings, rows), expectedSteps);
  }
});

test("the learning rate warms up, then decays along its schedule", () => {
  const rate = (type: "Constant" | "Linear" | "Cosine", step: number, warmupRatio = 0.2) =>
    learningRate({ learningRate: 2, schedule: { type, warmupRatio } }, step, 10);
  assert.deepEqual(
    [1, 2, 3, 10].map((step) => rate("Constant", step)),
    [1, 2, 2, 2],
  );
  assert.deepEqual(
    [2, 3, 7, 10].map((step) => rate("Linear", step)),
    [2, 2, 1, 0.25],
  );
  assert.equal(rate("Cosine", 7), 1);
  assert.equal(rate("Cosine", 1, 0), 2);
});

test("the bias corrections equal those of step t", () => {
  const optimizer = { type: "AdamW", weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, paged: false } as const;
  const [rate, first, second] = hyperOf(0.5, 1, optimizer);
  assert.equal(rate, 0.5);
  assert.ok(Math.abs(first! - 0.1) < 1e-7 && Math.abs(second! - Math.sqrt(0.001)) < 1e-7);
});
