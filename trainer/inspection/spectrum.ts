/**
 * The singular values of a layer's update and their vectors. A product B·A is decomposed by the QR of its factors and a small
 * matrix; any other update as it is, its largest values alone where the matrix is large.
 */
import type { LowRankUpdate } from "../methods/method.ts";
import { addon } from "../native/addon.ts";

/** A matrix [rows, columns] ≈ Σ values[k] · left[k]·right[k]ᵀ, the largest first. */
export interface Spectrum {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  /** [values, rows], orthonormal */
  readonly left: Float64Array;
  /** [values, columns], orthonormal */
  readonly right: Float64Array;
  /** The Frobenius norm of the whole matrix, also where some of its values are not computed. */
  readonly norm: number;
}

/** Values of a matrix that is no product of low rank. */
const mostValues = 64;
/** Values below this share of the largest are rounding. */
const negligible = 1e-6;

/** scale·B·A = Q_B·(scale·R_B·R_Aᵀ)·Q_Aᵀ: its values are those of the matrix in the middle. */
export async function spectrumOfProduct({ a, b, rank, scale }: LowRankUpdate, threads: number): Promise<Spectrum> {
  const [rows, columns] = [b.length / rank, a.length / rank];
  if (isZero(a) || isZero(b) || scale === 0) return nothing(rows, columns);
  const [height, width] = [Math.min(rows, rank), Math.min(columns, rank)];
  const qb = await addon().decompose(b, rows, rank, height, "qr", threads);
  const qa = await addon().decompose(transposedRows(a, columns), columns, rank, width, "qr", threads);
  // R_B [height, rank] · R_Aᵀ [rank, width]
  const middle = new Float64Array(height * width);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) middle[i * width + j] = scale * dot(qb.right, i * rank, qa.right, j * rank, rank);
  // In F32 the values of a small matrix would underflow before they matter.
  const largest = middle.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0) return nothing(rows, columns);
  const scaled = Float32Array.from(middle, (value) => value / largest);
  const inner = await addon().decompose(scaled, height, width, Math.min(height, width), "principal", threads);
  const values = inner.values.map((value) => value * largest);
  return significant({
    rows,
    columns,
    values,
    left: combined(inner.left, height, qb.left, rows),
    right: combined(inner.right, width, qa.left, columns),
    norm: Math.hypot(...values),
  });
}

/** The largest values of a matrix, and its norm. */
export async function spectrumOfMatrix(
  w: Float32Array,
  rows: number,
  columns: number,
  threads: number,
  rank = mostValues,
): Promise<Spectrum> {
  const norm = normOf(w);
  if (norm === 0) return nothing(rows, columns);
  const made = await addon().decompose(w, rows, columns, Math.min(rank, rows, columns), "principal", threads);
  return significant({ rows, columns, ...made, norm });
}

/** ‖Uᵀ·W·V‖_F: the part of W in the directions of a spectrum. W [rows, columns].          Hu et al. 2021, §7.3 */
export function projectedNorm({ rows, columns, values, left, right }: Spectrum, w: Float32Array): number {
  let squares = 0;
  const product = new Float64Array(rows);
  for (let k = 0; k < values.length; k++) {
    for (let row = 0; row < rows; row++) product[row] = dot(w, row * columns, right, k * columns, columns);
    for (let i = 0; i < values.length; i++) squares += dot(left, i * rows, product, 0, rows) ** 2;
  }
  return Math.sqrt(squares);
}

/**
 * φ(i, j) = ‖Aᵢᵀ·Bⱼ‖² / min(i, j) of the first i and j directions of two adapters, [i − 1][j − 1]: 1 if the smaller space lies in
 * the other, 0 if they are orthogonal.                                                    Hu et al. 2021, §7.2, eq. 4
 */
export function overlap(a: Float64Array, b: Float64Array, width: number): number[][] {
  const [rows, columns] = [a.length / width, b.length / width];
  const sums = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const own = dot(a, i * width, b, j * width, width) ** 2;
      const [above = 0, before = 0, both = 0] = [sums[i - 1]?.[j], sums[i]![j - 1], sums[i - 1]?.[j - 1]];
      sums[i]![j] = own + above + before - both;
    }
  }
  return sums.map((row, i) => row.map((sum, j) => sum / Math.min(i + 1, j + 1)));
}

/** exp of the entropy of the values as shares of their sum: r equal values have rank r.       Roy & Vetterli 2007 */
export function effectiveRank({ values }: Pick<Spectrum, "values">): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const entropy = values.reduce(
    (sum, value) => (value === 0 ? sum : sum - (value / total) * Math.log(value / total)),
    0,
  );
  return Math.exp(entropy);
}

/** The number of values that hold this share of the norm's square; undefined if more are needed than were computed. */
export function valuesFor(share: number, { values, norm }: Pick<Spectrum, "values" | "norm">): number | undefined {
  let held = 0;
  for (const [index, value] of values.entries()) {
    held += value ** 2;
    if (held >= share * norm ** 2) return index + 1;
  }
  return norm === 0 ? 0 : undefined;
}

export const normOf = (w: Float32Array): number => Math.sqrt(w.reduce((sum, value) => sum + value * value, 0));

const isZero = (values: Float32Array): boolean => values.every((value) => value === 0);

const nothing = (rows: number, columns: number): Spectrum => ({
  rows,
  columns,
  values: new Float64Array(),
  left: new Float64Array(),
  right: new Float64Array(),
  norm: 0,
});

function significant(made: Spectrum): Spectrum {
  const least = negligible * (made.values[0] ?? 0);
  const count = made.values.filter((value) => value > least).length;
  return {
    ...made,
    values: made.values.slice(0, count),
    left: made.left.slice(0, count * made.rows),
    right: made.right.slice(0, count * made.columns),
  };
}

/** [rank, width] → [width, rank] */
function transposedRows(values: Float32Array, width: number): Float32Array {
  const rank = values.length / width;
  return values.map((_, at) => values[(at % rank) * width + Math.floor(at / rank)]!);
}

/** Σ_k inner[i, k] · outer[k]: inner [count, depth], outer [depth, width] → [count, width] */
function combined(inner: Float64Array, depth: number, outer: Float64Array, width: number): Float64Array {
  const count = inner.length / depth;
  const made = new Float64Array(count * width);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < depth; k++) {
      const factor = inner[i * depth + k]!;
      for (let c = 0; c < width; c++) made[i * width + c]! += factor * outer[k * width + c]!;
    }
  }
  return made;
}

function dot(
  a: Float32Array | Float64Array,
  aAt: number,
  b: Float32Array | Float64Array,
  bAt: number,
  count: number,
): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[aAt + i]! * b[bAt + i]!;
  return sum;
}
