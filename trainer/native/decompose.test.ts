import assert from "node:assert/strict";
import { test } from "node:test";
import { uniform } from "../testing/opCases.ts";
import { addon } from "./addon.ts";

interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

type Vectors = readonly Float64Array[];

/** The rows of a result. */
const vectorsOf = (values: Float64Array, rank: number): Vectors =>
  Array.from({ length: rank }, (_, k) => values.subarray((k * values.length) / rank, ((k + 1) * values.length) / rank));

async function decomposed({ values, rows, columns }: Matrix, rank: number, kind: "principal" | "qr", threads = 1) {
  const made = await addon().decompose(values, rows, columns, rank, kind, threads);
  return { values: [...made.values], left: vectorsOf(made.left, rank), right: vectorsOf(made.right, rank) };
}

const principalPart = (w: Matrix, rank: number, threads = 1) => decomposed(w, rank, "principal", threads);

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, k) => sum + value * b[k]!, 0);

function random(rows: number, columns: number, seed: number): Matrix {
  const next = uniform(seed);
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, () => 2 * next() - 1) };
}

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
  test(`all singular values of a matrix ${rows} × ${columns} give the matrix`, async () => {
    const w = random(rows, columns, 3);
    const rank = Math.min(rows, columns);
    const { values, left, right } = await principalPart(w, rank);
    assert.ok(difference(product(left, right, values), w.values) < 1e-12);
    assertOrthonormal(left);
    assertOrthonormal(right);
    assert.deepEqual(
      values,
      values.toSorted((a, b) => b - a),
    );
  });
}

test("the largest singular values of a larger matrix are those of its whole decomposition", async () => {
  const w = random(150, 90, 5);
  const whole = await principalPart(w, 90);
  const part = await principalPart(w, 6);
  assert.ok(largest(part.values.map((value, k) => value - whole.values[k]!)) < 1e-11);
  const [first, second] = [whole, part].map(({ values, left, right }) =>
    product(left.slice(0, 6), right.slice(0, 6), values.slice(0, 6)),
  );
  assert.ok(difference(first!, Float32Array.from(second!)) < 1e-6);
  assert.deepEqual(await principalPart(w, 6, 3), part, "threads change no bit");
});

test("a matrix of low rank, equal singular values and zeros are decomposed too", async () => {
  const zero = { rows: 6, columns: 4, values: new Float32Array(24) };
  assert.deepEqual((await principalPart(zero, 3)).values, [0, 0, 0]);
  const unit = {
    rows: 40,
    columns: 40,
    values: Float32Array.from({ length: 1600 }, (_, at) => (at % 41 === 0 ? 2 : 0)),
  };
  const equal = await principalPart(unit, 5);
  assert.ok(largest(equal.values.map((value) => value - 2)) < 1e-12);
  assertOrthonormal(equal.left);
  assertOrthonormal(equal.right);
  const [column, row] = [random(60, 1, 1), random(1, 50, 2)];
  const values = Float32Array.from(
    { length: 3000 },
    (_, at) => column.values[Math.floor(at / 50)]! * row.values[at % 50]!,
  );
  const one = await principalPart({ rows: 60, columns: 50, values }, 3);
  assert.ok(one.values[1]! < 1e-6 && difference(product(one.left, one.right, one.values), values) < 1e-6);
});

for (const [rows, columns, rank] of [
  [9, 6, 6],
  [6, 9, 4],
  [8, 8, 3],
] as const) {
  test(`the first ${rank} of Q and R of a matrix ${rows} × ${columns} are those of the matrix`, async () => {
    const w = random(rows, columns, 7);
    const { left: q, right: r } = await decomposed(w, rank, "qr", 2);
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

test("decompose refuses a rank above the smaller side, a matrix of another size and an unknown kind", () => {
  const values = new Float32Array(12);
  assert.throws(() => addon().decompose(values, 4, 3, 4, "principal", 1), /rank is above the matrix's smaller side/);
  assert.throws(() => addon().decompose(values, 4, 4, 2, "qr", 1), /12 values, which are not rows · columns/);
  assert.throws(() => addon().decompose(values, 0, 4, 2, "qr", 1), /rows must be a positive integer/);
});
