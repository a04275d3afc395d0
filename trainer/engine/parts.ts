/**
 * Low-rank parts of a matrix: s·B·A of its largest singular values or of its QR decomposition. The decompositions are native
 * (native/runtime/decompose.h); their bits depend on the matrix alone.
 */
import type { Initial } from "../graph/tensor.ts";
import { addon } from "../native/addon.ts";

/** A matrix [rows, columns], row-major. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** The factors of a part of a matrix: scale·B·A. */
export interface Factors {
  /** [rank, columns] */
  readonly a: Float32Array;
  /** [rows, rank] */
  readonly b: Float32Array;
}

/**
 * `principal`: A = √(S/scale)·Vᵀ and B = U·√(S/scale) of the `rank` largest singular values (PiSSA, Meng et al. 2024, eq. 2–3);
 * `qr`: A = R and B = Q of the first columns and rows (OLoRA, Büyükakyüz 2024).
 */
export async function factorsOfPart(
  { values: w, rows, columns }: Matrix,
  rank: number,
  { of, scale }: Pick<Extract<Initial, { kind: "part" }>, "of" | "scale">,
  threads: number,
): Promise<Factors> {
  const { values, left, right } = await addon().decompose(w, rows, columns, rank, of, threads);
  const factors = of === "qr" ? values : values.map((value) => Math.sqrt(value / scale));
  const a = Float32Array.from(right, (value, at) => factors[Math.floor(at / columns)]! * value);
  const b = new Float32Array(rows * rank);
  for (let k = 0; k < rank; k++) {
    for (let row = 0; row < rows; row++) b[row * rank + k] = factors[k]! * left[k * rows + row]!;
  }
  return { a, b };
}

/** W − scale·B·A, in place; a row's product is summed in double precision and rounded once. */
export function subtractProduct({ values, rows, columns }: Matrix, { a, b }: Factors, scale: number): void {
  const rank = b.length / rows;
  const product = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    product.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[row * rank + k]!;
      for (let column = 0; column < columns; column++) product[column]! += factor * a[k * columns + column]!;
    }
    for (let column = 0; column < columns; column++) values[row * columns + column]! -= product[column]!;
  }
}
