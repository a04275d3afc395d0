/** Vectors and matrices, and their products in double precision, summed in a fixed order. Pure. */

/** A matrix [rows, columns], row-major. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

export type Vectors = readonly Float64Array[];

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

/** W·v */
export function rowsTimes({ values, rows, columns }: Matrix, v: Float64Array): Float64Array {
  const y = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += values[at++]! * v[column]!;
    y[row] = sum;
  }
  return y;
}

/** Wᵀ·u */
export function columnsTimes({ values, rows, columns }: Matrix, u: Float64Array): Float64Array {
  const y = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    const factor = u[row]!;
    for (let column = 0; column < columns; column++) y[column]! += factor * values[at++]!;
  }
  return y;
}

/** Σ weights[i]·vectors[i] */
export function combined(vectors: Vectors, weights: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0]?.length ?? 0);
  for (const [index, vector] of vectors.entries()) {
    const weight = weights[index]!;
    for (let k = 0; k < sum.length; k++) sum[k]! += weight * vector[k]!;
  }
  return sum;
}

/** The part of a vector that is orthogonal to others: its direction, its length, and the vector's components along the others. */
export interface Rest {
  readonly unit: Float64Array;
  readonly length: number;
  readonly along: readonly number[];
}

/**
 * The part of a vector that is orthogonal to orthonormal `others`. Where only rounding errors are left, the length is 0, and the
 * unit is any vector orthogonal to them, from `random`.
 */
export function unitBeside(vector: Float64Array, others: Vectors, random: (index: number) => number): Rest {
  const before = Math.sqrt(dot(vector, vector));
  const { rest, along } = orthogonal(vector, others);
  const length = Math.sqrt(dot(rest, rest));
  if (length > 1e-14 * before) return { unit: rest.map((value) => value / length), length, along };
  for (let attempt = 0; ; attempt++) {
    const start = vector.map((_, index) => random(attempt * vector.length + index));
    const other = orthogonal(start, others).rest;
    const size = Math.sqrt(dot(other, other));
    if (size > 1e-6 * Math.sqrt(dot(start, start)))
      return { unit: other.map((value) => value / size), length: 0, along };
  }
}

/** Gram–Schmidt, twice. */
function orthogonal(vector: Float64Array, others: Vectors): { rest: Float64Array; along: number[] } {
  const rest = vector.slice();
  const along = others.map(() => 0);
  for (let pass = 0; pass < 2; pass++) {
    for (const [index, other] of others.entries()) {
      const part = dot(rest, other);
      along[index]! += part;
      for (let k = 0; k < rest.length; k++) rest[k]! -= part * other[k]!;
    }
  }
  return { rest, along };
}
