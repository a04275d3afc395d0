import assert from "node:assert/strict";
import { test } from "node:test";
import { uniform } from "../testing/opCases.ts";
import { markLargest } from "./largest.ts";

const marksOf = (values: readonly Float32Array[], count: number) => {
  const marks = values.map(({ length }) => new Float32Array(length).fill(7));
  markLargest(values, count, marks);
  return marks.map((one) => Array.from(one));
};

test("the largest numbers over all arrays are marked, whatever their magnitudes", () => {
  const next = uniform(4);
  const values = [50, 1, 200].map((length) => Float32Array.from({ length }, () => next() ** 8));
  const sorted = values.flatMap((one) => [...one]).sort((a, b) => b - a);
  for (const count of [1, 2, 77, 250, 251]) {
    const expected = values.map((one) => Array.from(one, (value) => (value >= sorted[count - 1]! ? 1 : 0)));
    assert.deepEqual(marksOf(values, count), expected, `${count}`);
  }
});

test("equal numbers are marked from the first on, and zeros never", () => {
  const values = [Float32Array.of(1, 2, 1), Float32Array.of(1, 0, 0)];
  assert.deepEqual(marksOf(values, 2), [
    [1, 1, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(marksOf(values, 4), [
    [1, 1, 1],
    [1, 0, 0],
  ]);
  assert.deepEqual(marksOf(values, 6), [
    [1, 1, 1],
    [1, 0, 0],
  ]);
});

test("marks may replace the numbers", () => {
  const values = Float32Array.of(3, 5, 4);
  markLargest([values], 2, [values]);
  assert.deepEqual(values, Float32Array.of(0, 1, 1));
});
