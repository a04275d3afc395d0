/**
 * The largest singular values of a matrix and their vectors, and the first columns of its QR decomposition, in double
 * precision. Sums run in a fixed order and nothing but +, −, ·, / and √ is used, so the bits are the same everywhere. Pure.
 */
import { columnsTimes, combined, dot, type Matrix, rowsTimes, unitBeside, type Vectors } from "./vectors.ts";

/** Σ values[i]·left[i]·right[i]ᵀ, the largest first. */
export interface Principal {
  readonly values: readonly number[];
  /** Each has `rows` elements. */
  readonly left: Vectors;
  /** Each has `columns` elements. */
  readonly right: Vectors;
}

/** A share of the largest singular value: residuals below it are far below the rounding of F32. */
const tolerance = 1e-10;

const mostRestarts = 100;

/**
 * The `rank` largest, at most min(rows, columns), by bidiagonalisation from a random vector (Golub & Kahan 1965), with full
 * orthogonalisation, restarted from the best vectors (Baglama & Reichel 2005) until these have converged; a small matrix is
 * decomposed whole. `random`: any numbers by index.
 */
export function principalPart(w: Matrix, rank: number, random: (index: number) => number): Principal {
  const parts = (times: Times, back: Times, most: number) =>
    largestParts(
      (v) => times(w, v),
      (u) => back(w, u),
      { most, rank, random },
    );
  if (w.rows >= w.columns) return parts(rowsTimes, columnsTimes, w.columns);
  const { values, left, right } = parts(columnsTimes, rowsTimes, w.rows);
  return { values, left: right, right: left };
}

type Times = (w: Matrix, vector: Float64Array) => Float64Array;

interface Search {
  /** Columns of the matrix, which has no fewer rows. */
  readonly most: number;
  readonly rank: number;
  readonly random: (index: number) => number;
}

/** W·V = U·B with B upper triangular; V and U are orthonormal. */
interface Basis {
  readonly left: Float64Array[];
  readonly right: Float64Array[];
  readonly columns: Float64Array[];
}

function largestParts(
  times: (v: Float64Array) => Float64Array,
  timesTransposed: (u: Float64Array) => Float64Array,
  { most, rank, random }: Search,
): Principal {
  const limit = Math.min(most, 3 * rank + 32);
  let basis: Basis = { left: [], right: [], columns: [] };
  let next = unitBeside(new Float64Array(most), basis.right, random);
  for (let restart = 0; ; restart++) {
    const { left, right, columns } = basis;
    while (columns.length < limit) {
      right.push(next.unit);
      const u = unitBeside(times(next.unit), left, random);
      columns.push(columnOf(limit, u));
      left.push(u.unit);
      const isWhole = right.length === most;
      next = isWhole ? { ...next, length: 0 } : unitBeside(timesTransposed(u.unit), right, random);
    }
    const small = triangularParts(columns);
    const bound = tolerance * (small.values[0] ?? 0);
    const isDone = small.left.slice(0, rank).every((p) => next.length * Math.abs(p[limit - 1]!) <= bound);
    if (isDone || restart === mostRestarts) return partsOf(basis, small, rank);
    const kept = partsOf(basis, small, rank + Math.floor((limit - rank) / 2));
    basis = {
      left: [...kept.left],
      right: [...kept.right],
      columns: kept.values.map((value, j) => new Float64Array(limit).fill(value, j, j + 1)),
    };
  }
}

function columnOf(size: number, { along, length }: { readonly along: readonly number[]; readonly length: number }) {
  const column = new Float64Array(size);
  column.set(along);
  column[along.length] = length;
  return column;
}

/** The `count` largest singular values of B and their vectors in W's space. */
const partsOf = ({ left, right }: Basis, small: Principal, count: number): Principal => ({
  values: small.values.slice(0, count),
  left: small.left.slice(0, count).map((weights) => combined(left, weights)),
  right: small.right.slice(0, count).map((weights) => combined(right, weights)),
});

/** Singular values and vectors of a triangular matrix: rotations of its columns until they are orthogonal (Jacobi). */
function triangularParts(matrix: Vectors): Principal {
  const size = matrix.length;
  const columns = matrix.map((column) => column.slice());
  const right = columns.map((_, j) => new Float64Array(size).fill(1, j, j + 1));
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let i = 0; i < size; i++) {
      for (let j = i + 1; j < size; j++) rotated = orthogonalise(columns, right, i, j) || rotated;
    }
  }
  const lengths = columns.map((column) => Math.sqrt(dot(column, column)));
  const order = lengths.map((_, j) => j).sort((i, j) => lengths[j]! - lengths[i]! || i - j);
  const left: Float64Array[] = [];
  for (const j of order) left.push(unitOf(columns[j]!, lengths[j]!, left));
  return { values: order.map((j) => lengths[j]!), left, right: order.map((j) => right[j]!) };
}

/** A column's direction; for a column of length 0, any direction that is orthogonal to the others. */
function unitOf(column: Float64Array, length: number, others: Vectors): Float64Array {
  if (length > 0) return column.map((value) => value / length);
  return unitBeside(column, others, (index) => 1 / (1 + index)).unit;
}

/** Rotates two columns so that they are orthogonal; false if they are. */
function orthogonalise(columns: Vectors, right: Vectors, i: number, j: number): boolean {
  const [p, q] = [columns[i]!, columns[j]!];
  const [pp, qq, pq] = [dot(p, p), dot(q, q), dot(p, q)];
  if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq) || pq === 0) return false;
  const zeta = (qq - pp) / (2 * pq);
  const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  rotate(p, q, c, c * t);
  rotate(right[i]!, right[j]!, c, c * t);
  return true;
}

function rotate(p: Float64Array, q: Float64Array, c: number, s: number): void {
  for (let k = 0; k < p.length; k++) {
    const a = p[k]!;
    const b = q[k]!;
    p[k] = c * a - s * b;
    q[k] = s * a + c * b;
  }
}

/**
 * The first `rank` columns of Q and rows of R of W = Q·R, by reflections (Householder 1958), with LAPACK's signs: R's
 * diagonal has the sign opposite to the column's own.
 */
export function leadingQr(w: Matrix, rank: number): { q: Vectors; r: Vectors } {
  const reflectors: Float64Array[] = [];
  const r = Array.from({ length: rank }, () => new Float64Array(w.columns));
  const column = new Float64Array(w.rows);
  for (let c = 0; c < w.columns; c++) {
    for (let row = 0; row < w.rows; row++) column[row] = w.values[row * w.columns + c]!;
    for (const reflector of reflectors) reflect(reflector, column);
    if (reflectors.length === c && c < rank) {
      reflectors.push(reflectorOf(column, c));
      reflect(reflectors[c]!, column);
    }
    for (let k = 0; k < Math.min(rank, c + 1); k++) r[k]![c] = column[k]!;
  }
  const q = Array.from({ length: rank }, (_, k) => {
    const unit = new Float64Array(w.rows).fill(1, k, k + 1);
    for (let index = reflectors.length - 1; index >= 0; index--) reflect(reflectors[index]!, unit);
    return unit;
  });
  return { q, r };
}

/** v of H = I − v·vᵀ (‖v‖² = 2, or v = 0) that makes a column zero below `first`. */
function reflectorOf(column: Float64Array, first: number): Float64Array {
  const v = column.slice();
  v.fill(0, 0, first);
  const below = v.subarray(first + 1);
  if (dot(below, below) === 0) return v.fill(0);
  const length = Math.sqrt(dot(v, v));
  v[first]! += v[first]! < 0 ? -length : length;
  const factor = Math.sqrt(2 / dot(v, v));
  return v.map((value) => value * factor);
}

function reflect(v: Float64Array, column: Float64Array): void {
  const along = dot(v, column);
  for (let k = 0; k < column.length; k++) column[k]! -= along * v[k]!;
}
