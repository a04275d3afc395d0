/**
 * Initial values of parameters. Each random number depends only on the seed, the parameter's name and its index, not on
 * other tensors or their order. Pure.
 */
import { createHash } from "node:crypto";
import type { StateTensor } from "../graph/compiled.ts";
import type { Initial } from "../graph/tensor.ts";
import { word } from "../numbers/philox.ts";

type OfName = Exclude<Initial, { kind: "base" | "rowNorms" | "part" | "text" | "stored" | "rows" }>;

/** The initial values of a parameter of `shape`. */
export function initialValues(
  { name, shape }: Pick<StateTensor, "name" | "shape">,
  initial: OfName,
  seed: number,
): Float32Array {
  const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  const uniform = uniformOf(name, seed);
  switch (initial.kind) {
    case "zeros":
      return values;
    case "ones":
      return values.fill(1);
    case "constant":
      return values.fill(initial.value);
    case "kaimingUniform": {
      // He et al. 2015 with leaky-ReLU slope a: bound = √(6 / ((1 + a²) · fan-in)).
      const bound = Math.sqrt(6 / ((1 + initial.a ** 2) * (initial.fanIn ?? shape[1] ?? 1)));
      return values.map((_, index) => bound * (2 * uniform(index) - 1));
    }
    case "normal": {
      const normalAt = normals(name, seed);
      return values.map((_, index) => initial.deviation * normalAt(index));
    }
    case "orthogonal":
      return orthogonalFactor(shape, initial, normals(name, seed), seed);
  }
}

/**
 * A = (N·Q₁)ᵀ/10 or B = N·Q₂/10, with N normal and Q₁ and Q₂ the even and odd rows of one orthogonal matrix, so that
 * B·A = 0 although A and B are not zero.
 */
function orthogonalFactor(
  [rows = 0, columns = 0]: readonly number[],
  { pair, part }: Extract<Initial, { kind: "orthogonal" }>,
  normalAt: (index: number) => number,
  seed: number,
): Float32Array {
  const rank = part === "a" ? rows : columns;
  const others = part === "a" ? columns : rows;
  const q = orthonormalRows(rank, normals(`${pair}.orthogonal`, seed));
  const values = new Float32Array(rows * columns);
  for (let other = 0; other < others; other++) {
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let h = 0; h < rank / 2; h++)
        sum += normalAt(other * (rank / 2) + h) * q[2 * h + (part === "a" ? 0 : 1)]![k]!;
      values[part === "a" ? k * others + other : other * rank + k] = sum / 10;
    }
  }
  return values;
}

/** Gram–Schmidt, twice, on a random matrix. */
function orthonormalRows(size: number, normalAt: (index: number) => number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let row = 0; row < size; row++) {
    const values = Float64Array.from({ length: size }, (_, column) => normalAt(row * size + column));
    for (const earlier of [...rows, ...rows]) {
      const along = values.reduce((sum, value, column) => sum + value * earlier[column]!, 0);
      for (let column = 0; column < size; column++) values[column]! -= along * earlier[column]!;
    }
    const norm = Math.hypot(...values);
    rows.push(values.map((value) => value / norm));
  }
  return rows;
}

/** A number of the standard normal distribution from two uniform ones in (0, 1).        Box & Muller 1958 */
const normal = (u: number, v: number): number => Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);

/** Standard normal numbers by index. */
function normals(name: string, seed: number): (index: number) => number {
  const uniform = uniformOf(name, seed);
  return (index) => normal(uniform(2 * index), uniform(2 * index + 1));
}

/** The Euclidean norm of each row of a matrix. */
export function rowNorms(values: Float32Array, [rows, columns]: readonly [number, number]): Float32Array {
  const norms = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let index = row * columns; index < (row + 1) * columns; index++) squares += values[index]! ** 2;
    norms[row] = Math.sqrt(squares);
  }
  return norms;
}

/** Uniform numbers in (0, 1) by index. */
function uniformOf(name: string, seed: number): (index: number) => number {
  const digest = createHash("sha256").update(name).digest();
  const key = [seed >>> 0, digest.readUInt32LE(0)] as const;
  const stream = digest.readUInt32LE(4);
  return (index) => (word(index, stream, key) + 0.5) / 2 ** 32;
}
