/** The product of two low-rank factors, computed on the host for merging, and their transposes. Pure. */
import type { RowRange } from "./method.ts";
import type { NamedValues } from "./peft.ts";

/** W += scale·B·A for some rows: w [rows, in] · a [r, in] · b [out, r]. ΔW is rounded to F32 before it is added. */
export function addScaledProduct(
  w: Float32Array,
  { first, last }: RowRange,
  scale: number,
  a: Float32Array,
  b: Float32Array,
): void {
  const width = w.length / (last - first);
  const rank = a.length / width;
  const delta = new Float32Array(width);
  for (let row = first; row < last; row++) {
    delta.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * (b[row * rank + k] ?? 0);
      const from = a.subarray(k * width, (k + 1) * width);
      for (let column = 0; column < width; column++) delta[column]! += factor * from[column]!;
    }
    const into = w.subarray((row - first) * width, (row - first + 1) * width);
    for (let column = 0; column < width; column++) into[column]! += delta[column]!;
  }
}

/** The transpose of a matrix with rows of `width`. */
export function transposed(values: Float32Array, width: number): Float32Array {
  const rows = values.length / width;
  return values.map((_, index) => values[(index % rows) * width + Math.floor(index / rows)]!);
}

/** A tensor whose matrix [rows, columns] is transposed: [columns, rows]. */
export function transposedTensor(one: NamedValues): NamedValues {
  const [rows = 0, columns = 0] = one.shape;
  return { ...one, shape: [columns, rows], values: transposed(one.values, columns) };
}
