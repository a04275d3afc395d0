/**
 * Sparse differences from the base's matrices, which FishMask trains: a parameter `diff` [out, in] beside each layer, of
 * which few elements are not zero. Its files and the reference of them: docs/reference/sparse-adapter.md. Pure.
 */
import { corrupt } from "../contract/failure.ts";
import type { LinearSite } from "../graph/site.ts";
import { elementsOf, type Tensor } from "../graph/tensor.ts";
import { linear } from "../ops/linear/op.ts";
import type { RowRange, TrainedSite } from "./method.ts";
import { type NamedValues, peftPrefix, type StoredShape } from "./peft.ts";

/** y = base(x) + x·ΔWᵀ */
export const beside = (site: LinearSite, x: Tensor, change: Tensor, y: Tensor): Tensor =>
  linear.node(site.here.graph, { x, w: change, residual: y }, { tailScale: 1 }).y;

/** W + diff */
export function addDiff(site: TrainedSite, w: Float32Array, { first }: RowRange): void {
  const diff = site.parameter("diff");
  for (let at = 0; at < w.length; at++) w[at]! += diff[first * site.in + at]!;
}

const parts = ["indices", "values", "shape"] as const;
const key = /^(.+)\.diff_(indices|values|shape)$/;

/** A `diff` as its elements that are not zero: row and column of each, and its value. */
export function toSparse({ name, shape, values }: NamedValues): NamedValues[] {
  const kept: number[] = [];
  for (const [at, value] of values.entries()) if (value !== 0) kept.push(at);
  return sparseTensors({ name, shape }, kept, (at) => values[at]!);
}

/** Bytes of an element in the tensors below, and in the list of places. */
const sparseElementBytes = 3 * 4 + 8;

/** Arrays that are no longer used and not collected yet, whatever the share; measured (docs/performance.md). */
const uncollectedBytes = 24 * 2 ** 20;

/** Memory in bytes that writing this share of all `diff` takes beside them. */
export function sparseBytes(shapes: ReadonlyMap<string, readonly number[]>, density: number): number {
  const diffs = [...shapes].filter(([name]) => name.endsWith(".diff"));
  return (
    uncollectedBytes +
    Math.ceil(density * sparseElementBytes * diffs.reduce((sum, [, shape]) => sum + elementsOf(shape), 0))
  );
}

/** The tensors of chosen elements by their places in a `diff`, from the lowest on. */
export function sparseTensors(
  { name, shape }: Pick<NamedValues, "name" | "shape">,
  kept: readonly number[],
  valueAt: (place: number, index: number) => number,
): NamedValues[] {
  const width = shape[1] ?? 1;
  const indices = Float32Array.from({ length: 2 * kept.length }, (_, at) => {
    const index = kept[at >> 1]!;
    return at % 2 === 0 ? Math.floor(index / width) : index % width;
  });
  const at = peftPrefix + name.replace(/\.diff$/, "");
  return [
    { name: `${at}.diff_indices`, shape: [kept.length, 2], values: indices, dtype: "I32" },
    { name: `${at}.diff_values`, shape: [kept.length], values: Float32Array.from(kept, valueAt) },
    { name: `${at}.diff_shape`, shape: [2], values: Float32Array.from(shape), dtype: "I32" },
  ];
}

export const isWhole = (name: string): boolean => ["indices", "shape"].includes(key.exec(name)?.[2] ?? "");

/** The error for a tensor that is no part of a sparse difference, or whose companions are missing. */
export function sparseFault({ key: name, shape }: StoredShape, has: (key: string) => boolean): string | undefined {
  const [, site, part] = key.exec(name) ?? [];
  if (site === undefined)
    return `key ${name} is not of a sparse difference (….diff_indices, ….diff_values, ….diff_shape)`;
  const missing = parts.find((other) => !has(`${site}.diff_${other}`));
  if (missing !== undefined) return `${name} is present, but ${site}.diff_${missing} is missing`;
  const fits = {
    indices: shape.length === 2 && shape[1] === 2,
    values: shape.length === 1,
    shape: shape.length === 1 && shape[0] === 2,
  };
  return fits[part as keyof typeof fits] ? undefined : `${name} has shape [${shape.join(", ")}], which does not fit`;
}

/** A matrix of the largest models has fewer rows and columns; F32 holds every whole number up to it. */
const longestSide = 2 ** 24;
const mostElements = 2 ** 31;

/** The reverse of `toSparse` for all layers. Throws a failure that names an element outside of its matrix. */
export function fromSparse(tensors: readonly NamedValues[]): NamedValues[] {
  const found = new Map(tensors.map((one) => [one.name, one]));
  return tensors.flatMap(({ name, values: shape }) => {
    const [, full, part] = key.exec(name) ?? [];
    if (full === undefined || part !== "shape") return [];
    const [rows = 0, columns = 0] = shape;
    const isMatrix =
      [rows, columns].every((side) => side >= 1 && side <= longestSide) && rows * columns <= mostElements;
    if (!isMatrix) throw corrupt("AdapterCorrupt", `${name} is [${rows}, ${columns}], which is no matrix of a model`);
    const [indices, values] = [found.get(`${full}.diff_indices`)!, found.get(`${full}.diff_values`)!];
    if (indices.shape[0] !== values.shape[0])
      throw corrupt("AdapterCorrupt", `${full} has ${indices.shape[0]} indices and ${values.shape[0]} values`);
    const diff = new Float32Array(rows * columns);
    for (const [at, value] of values.values.entries()) {
      const [row, column] = [indices.values[2 * at]!, indices.values[2 * at + 1]!];
      if (!(row >= 0 && row < rows && column >= 0 && column < columns))
        throw corrupt(
          "AdapterCorrupt",
          `${full}: entry ${at} is [${row}, ${column}], outside of [${rows}, ${columns}]`,
        );
      diff[row * columns + column] = value;
    }
    return [{ name: `${full.slice(peftPrefix.length)}.diff`, shape: [rows, columns], values: diff }];
  });
}
