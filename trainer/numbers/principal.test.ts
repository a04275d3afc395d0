import assert from "node:assert/strict";
import { test } from "node:test";
import { uniform } from "../testing/opCases.ts";
import { leadingQr, principalPart } from "./principal.ts";
import { dot, type Matrix, type Vectors } from "./vectors.ts";

function random(rows: number, columns: number, seed: number): Matrix {
  const next = uniform(seed);
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, () => 2 * next() - 1) };
}

const numbers = (seed: number) => {
  const next = uniform(seed);
  const drawn: number[] = [];
  return (index: number) => {
    while (drawn.length <= index) drawn.push(2 * next() - 1);
    return drawn[index]!;
  };
};

/** Σ factors[k] · left[k]·right[k]ᵀ */
function product(left: Vectors, right: Vectors, factors?: readonly number[]): number[] {
  const [rows, columns] = [left[0]!.length, right[0]!.length];
  return Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return left.reduce((sum, one, k) => sum + (factors?.[k] ?? 1) * one[row]! * right[k]![column]!, 0);
  });
}

function assertOrthonormal(vectors: Vectors): void {
  for (const [i, a] of vectors.entries()) {
    for (const [j, b] of vectors.entries()) assert.ok(Math.abs(dot(a, b) - (i === j ? 1 : 0)) < 1e-12, `${i}, ${j}`);
  }
}

const largest = (values: Iterable<number>) => Math.max(...Array.from(values, Math.abs));
const difference = (a: readonly number[], b: Float32Array) => largest(a.map((value, at) => value - b[at]!));

for (const [rows, columns] of [
  [7, 7],
  [12, 5],
  [5, 12],
  [1, 6],
] as const) {
  test(`all singular values of a matrix ${rows} × ${columns} give the matrix`, () => {
    const w = random(rows, columns, 3);
    const rank = Math.min(rows, columns);
    const { values, left, right } = principalPart(w, rank, numbers(1));
    assert.ok(difference(product(left, right, values), w.values) < 1e-12);
    assertOrthonormal(left);
    assertOrthonormal(right);
    assert.deepEqual(
      values,
      values.toSorted((a, b) => b - a),
    );
  });
}

test("the largest singular values of a larger matrix are those of its whole decomposition", () => {
  const w = random(150, 90, 5);
  const whole = principalPart(w, 90, numbers(1));
  const part = principalPart(w, 6, numbers(2));
  assert.ok(largest(part.values.map((value, k) => value - whole.values[k]!)) < 1e-11);
  const [first, second] = [whole, part].map(({ values, left, right }) =>
    product(left.slice(0, 6), right.slice(0, 6), values.slice(0, 6)),
  );
  assert.ok(difference(first!, Float32Array.from(second!)) < 1e-6);
  assert.deepEqual(part, principalPart(w, 6, numbers(2)), "the bits repeat");
});

test("a matrix of low rank, equal singular values and zeros are decomposed too", () => {
  const zero = { rows: 6, columns: 4, values: new Float32Array(24) };
  assert.deepEqual(principalPart(zero, 3, numbers(1)).values, [0, 0, 0]);
  const unit = {
    rows: 40,
    columns: 40,
    values: Float32Array.from({ length: 1600 }, (_, at) => (at % 41 === 0 ? 2 : 0)),
  };
  const equal = principalPart(unit, 5, numbers(1));
  assert.ok(largest(equal.values.map((value) => value - 2)) < 1e-12);
  assertOrthonormal(equal.left);
  assertOrthonormal(equal.right);
  const [column, row] = [random(60, 1, 1), random(1, 50, 2)];
  const values = Float32Array.from(
    { length: 3000 },
    (_, at) => column.values[Math.floor(at / 50)]! * row.values[at % 50]!,
  );
  const one = principalPart({ rows: 60, columns: 50, values }, 3, numbers(1));
  assert.ok(one.values[1]! < 1e-6 && difference(product(one.left, one.right, one.values), values) < 1e-6);
});

for (const [rows, columns, rank] of [
  [9, 6, 6],
  [6, 9, 4],
  [8, 8, 3],
] as const) {
  test(`the first ${rank} of Q and R of a matrix ${rows} × ${columns} are those of the matrix`, () => {
    const w = random(rows, columns, 7);
    const { q, r } = leadingQr(w, rank);
    assertOrthonormal(q);
    for (const [k, row] of r.entries()) {
      assert.deepEqual(
        Array.from(row.subarray(0, k)),
        new Array(k).fill(0).map((_, at) => row[at]! * 0),
      );
      assert.ok(Math.abs(row[k]!) > 0);
    }
    // The first columns of W need no others.
    const made = product(q, r);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < rank; column++) {
        const at = row * columns + column;
        assert.ok(Math.abs(made[at]! - w.values[at]!) < 1e-12);
      }
    }
    // Qᵀ·W = R.
    for (const [k, unit] of q.entries()) {
      for (let column = 0; column < columns; column++) {
        const along = unit.reduce((sum, value, row) => sum + value * w.values[row * columns + column]!, 0);
        assert.ok(Math.abs(along - r[k]![column]!) < 1e-12);
      }
    }
    assert.ok(r[0]![0]! * w.values[0]! < 0, "LAPACK's sign");
  });
}
