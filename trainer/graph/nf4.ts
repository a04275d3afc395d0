/**
 * The storage of an NF4 matrix (Dettmers et al. 2023): for a matrix `name` its nibbles under `name` (U8, flat), its
 * scales under `name.absmax` (F32, or U8 codes) and, quantised twice, the scales of those codes under
 * `name.nested_absmax` (F32, the offset last). The compiler binds these parts, prepare writes them, merging reads them.
 * Pure.
 */
import type { CompileSpec } from "./compiled.ts";
import { type DataType, elementsOf } from "./tensor.ts";

/** Number of weights per scale. */
export const nf4Block = 64;
/** Number of scale codes per nested scale. */
export const nf4NestedBlock = 256;

export const absmaxName = (name: string) => `${name}.absmax`;
export const nestedAbsmaxName = (name: string) => `${name}.nested_absmax`;

/** Whether a linear layer's matrix is stored in NF4. */
export const isNf4 = ({ linear, unquantized = [] }: CompileSpec["storage"], layer: string): boolean =>
  linear === "NF4" && !unquantized.some((pattern) => layer === pattern || generalised(layer).endsWith(`.${pattern}`));

/** A layer's name without the number of its expert. */
export const generalised = (layer: string): string => layer.replace(/\.experts\.\d+\./, ".experts.*.");

/** A matrix as bytes: `packed` and `absmax` (F32, or U8 codes with `nestedAbsmax`, F32). */
export interface Nf4Matrix {
  packed: Uint8Array;
  absmax: Uint8Array;
  nestedAbsmax?: Uint8Array;
}

export interface Nf4Part {
  readonly name: string;
  readonly dtype: Extract<DataType, "U8" | "F32">;
  readonly shape: readonly [number];
}

/** The parts of a matrix, in binding order; `nested`: double quantisation. */
export function nf4Parts(name: string, shape: readonly number[], nested: boolean): Nf4Part[] {
  const elements = elementsOf(shape);
  const blocks = Math.ceil(elements / nf4Block);
  const packed: Nf4Part = { name, dtype: "U8", shape: [Math.ceil(elements / 2)] };
  if (!nested) return [packed, { name: absmaxName(name), dtype: "F32", shape: [blocks] }];
  // One scale per block of codes, and the offset as the last element.
  const scales = Math.ceil(blocks / nf4NestedBlock) + 1;
  return [
    packed,
    { name: absmaxName(name), dtype: "U8", shape: [blocks] },
    { name: nestedAbsmaxName(name), dtype: "F32", shape: [scales] },
  ];
}
