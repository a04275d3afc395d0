/**
 * Tensors whose stored bytes are not their rows' numbers: transposed matrices, those of GGUF, and MXFP4 (OCP 2023), in which
 * 16 bytes hold 32 numbers of four bits (the low one first) with a common power of two. Every number of MXFP4 is exact in BF16.
 * Pure.
 */
import { decodeBlocks, type GgufType } from "./ggufTypes.ts";

/** How a tensor is stored. */
export type Coding =
  | { readonly kind: "transposed" }
  /** `scales`: the bytes of the exponents, one for each 32 numbers. */
  | {
      readonly kind: "mxfp4";
      readonly scales: { readonly file: string; readonly start: number; readonly end: number };
    };

/** Numbers that share an exponent, and their bytes. */
export const mxfp4Block = 32;
export const mxfp4BlockBytes = mxfp4Block / 2;

/** A tensor of GGUF. `heads`: the rows of each head are interleaved. `offset`: was added to the numbers. */
export interface GgufCoding {
  readonly type: GgufType;
  readonly heads?: number;
  readonly offset?: number;
}

/** The bytes of the transposed matrix. rows, columns: of the given one. */
export function transposed(bytes: Uint8Array, rows: number, columns: number): Uint8Array {
  const size = bytes.length / (rows * columns);
  const cells = size === 4 ? Uint32Array : Uint16Array;
  const from = new cells(bytes.slice().buffer);
  const to = new cells(from.length);
  for (let row = 0; row < rows; row += tile) {
    for (let column = 0; column < columns; column += tile) {
      const [lastRow, lastColumn] = [Math.min(rows, row + tile), Math.min(columns, column + tile)];
      for (let r = row; r < lastRow; r++)
        for (let c = column; c < lastColumn; c++) to[c * rows + r] = from[r * columns + c]!;
    }
  }
  return new Uint8Array(to.buffer);
}

/** Rows and columns at once, for the caches. */
const tile = 32;

/**
 * The rows of matrices [heads × width, columns], or the numbers of their biases, whose heads rotate pairs of neighbours instead of
 * pairs of halves: row 2i + j of a head is row j·width/2 + i. `inverse`: from neighbours to halves.
 */
export function interleaved(values: Float32Array, rows: number, heads: number, inverse = false): Float32Array {
  const columns = values.length / rows;
  const width = rows / heads;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const inHead = row % width;
    const halves = row - inHead + (inHead % 2) * (width / 2) + Math.floor(inHead / 2);
    const [from, to] = inverse ? [row, halves] : [halves, row];
    out.set(values.subarray(from * columns, (from + 1) * columns), to * columns);
  }
  return out;
}

/** The numbers of a GGUF tensor with `rows` rows. */
export function decodeGguf(bytes: Uint8Array, rows: number, { type, heads, offset }: GgufCoding): Float32Array {
  const stored = decodeBlocks(type, bytes);
  const values = offset === undefined ? stored : stored.map((value) => value - offset);
  return heads === undefined ? values : interleaved(values, rows, heads, true);
}

const magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
const fourBits = [...magnitudes, ...magnitudes.map((value) => -value)];

/** Throws for numbers that are not finite. Returns BF16. */
export function dequantizeMxfp4(blocks: Uint8Array, scales: Uint8Array): Uint8Array {
  const pairs = new Uint32Array(blocks.length);
  for (let block = 0; block < scales.length; block++) {
    const table = tableOf(scales[block]!);
    const end = (block + 1) * mxfp4BlockBytes;
    for (let at = block * mxfp4BlockBytes; at < end; at++) pairs[at] = table[blocks[at]!]!;
  }
  const numbers = new Uint16Array(pairs.buffer);
  const damaged = numbers.findIndex((bits) => (bits & exponentBits) === exponentBits);
  if (damaged >= 0) throw new RangeError(`its number ${damaged} is not finite`);
  return new Uint8Array(pairs.buffer);
}

/** The exponent of a BF16; all ones: not finite. */
const exponentBits = 0x7f80;

const tables = new Map<number, Uint32Array>();

/** The two BF16 of each byte, with this exponent. */
function tableOf(scale: number): Uint32Array {
  const known = tables.get(scale);
  if (known) return known;
  const values = Float32Array.from(fourBits, (value) =>
    scale === notANumber ? Number.NaN : value * 2 ** (scale - 127),
  );
  const bits = Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
  const table = Uint32Array.from({ length: 256 }, (_, byte) => bits[byte & 15]! | (bits[byte >> 4]! << 16));
  tables.set(scale, table);
  return table;
}

/** The exponent that stands for no number. */
const notANumber = 255;
