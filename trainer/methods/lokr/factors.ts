/**
 * The shapes of a Kronecker update: w1 [l, m] ⊗ w2 [k, n] of W [l·k, m·n], each whole or as a product of rank r. Follows
 * PEFT, whose files have these shapes. Pure.
 */
import type { LinearSite } from "../../graph/site.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { linearInput } from "../../ops/linearInput/op.ts";
import type { RowRange, TrainedSite } from "../method.ts";

export interface Shapes {
  readonly w1: readonly [number, number];
  readonly w2: readonly [number, number];
}

/** A dimension as a product of two, the first at most the second. */
function factorized(dimension: number, factor: number | undefined): readonly [number, number] {
  if (factor !== undefined && dimension % factor === 0) return [factor, dimension / factor];
  const most = factor ?? dimension;
  let [small, large] = [1, dimension];
  while (small < large) {
    let next = small + 1;
    while (dimension % next !== 0) next += 1;
    if (next + dimension / next > small + large || next > most) break;
    [small, large] = [next, dimension / next];
  }
  return small <= large ? [small, large] : [large, small];
}

export function shapesOf({ in: width, out }: { in: number; out: number }, factor: number | undefined): Shapes {
  const [[l, k], [m, n]] = [factorized(out, factor), factorized(width, factor)];
  return { w1: [l, m], w2: [k, n] };
}

/** Whether a factor is a product of rank r: where that is less than half of its larger dimension. */
export const isSplit = (rank: number, [rows, columns]: readonly [number, number]): boolean =>
  rank < Math.max(rows, columns) / 2;

/** A factor, whole or of rank `split`; zero at first or not. */
export function factorOf(
  site: LinearSite,
  name: string,
  [rows, columns]: readonly [number, number],
  { split, zero }: { split: number | undefined; zero: boolean },
): Tensor {
  const random = { kind: "kaimingUniform", a: Math.sqrt(5) } as const;
  const start = zero ? ({ kind: "zeros" } as const) : random;
  if (split === undefined) return site.latent(name, [rows, columns], start);
  const a = site.latent(`${name}_a`, [rows, split], start);
  const b = site.latent(`${name}_b`, [split, columns], random);
  return site.derived(`${name}.product`, [rows, columns], "sum", ({ graph, read }) => {
    return linearInput.node(graph, { dy: read(a), w: read(b) }, { tailScale: 1 }).dx;
  });
}

/** The same on the host. */
export function factorValues(
  { parameter }: TrainedSite,
  name: string,
  [rows, columns]: readonly [number, number],
  split: number | undefined,
): Float32Array {
  if (split === undefined) return parameter(name);
  const [a, b] = [parameter(`${name}_a`), parameter(`${name}_b`)];
  return Float32Array.from({ length: rows * columns }, (_, index) => {
    let sum = 0;
    for (let k = 0; k < split; k++)
      sum += a[Math.floor(index / columns) * split + k]! * b[k * columns + (index % columns)]!;
    return sum;
  });
}

/** W′ = W + scale·w1 ⊗ w2, for some rows of W. */
export function addKronecker(
  w: Float32Array,
  { first, last }: RowRange,
  scale: number,
  shapes: Shapes,
  w1: Float32Array,
  w2: Float32Array,
): void {
  const [[, m], [k, n]] = [shapes.w1, shapes.w2];
  for (let row = first; row < last; row++) {
    const [i, j] = [Math.floor(row / k), row % k];
    const into = w.subarray((row - first) * m * n, (row - first + 1) * m * n);
    for (let column = 0; column < m * n; column++)
      into[column]! += scale * w1[i * m + Math.floor(column / n)]! * w2[j * n + (column % n)]!;
  }
}
