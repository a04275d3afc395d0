/**
 * The types of GGUF's tensors: how many numbers a block has, its bytes, and both directions between numbers and blocks.
 * Rows are divided into blocks, so that the columns must be a multiple of a block. Pure.
 */
import { type FloatType, toBfloat16, widened } from "./bfloat16.ts";
import { decodeK, encodeK, kBlock, kBlockBytes } from "./kQuants.ts";

interface TypeFacts {
  /** Its number in a file. */
  readonly code: number;
  /** Numbers in a block, and bytes. */
  readonly block: number;
  readonly bytes: number;
}

export const ggufTypes = {
  F32: { code: 0, block: 1, bytes: 4 },
  F16: { code: 1, block: 1, bytes: 2 },
  BF16: { code: 30, block: 1, bytes: 2 },
  Q8_0: { code: 8, block: 32, bytes: 34 },
  Q4_K: { code: 12, block: kBlock, bytes: kBlockBytes.Q4_K },
  Q5_K: { code: 13, block: kBlock, bytes: kBlockBytes.Q5_K },
  Q6_K: { code: 14, block: kBlock, bytes: kBlockBytes.Q6_K },
} as const satisfies Record<string, TypeFacts>;
export type GgufType = keyof typeof ggufTypes;
export const isGgufType = (name: string): name is GgufType => Object.hasOwn(ggufTypes, name);

/** Blocks of a tensor. Throws if its columns are no multiple of a block. */
export function blocksOf(type: GgufType, shape: readonly number[]): number {
  const { block } = ggufTypes[type];
  const columns = shape.at(-1) ?? 1;
  if (columns % block !== 0)
    throw new RangeError(`${columns} columns are no multiple of a block of ${type} (${block})`);
  return shape.reduce((product, dimension) => product * dimension, 1) / block;
}

/** Numbers as the blocks of a type. */
export function encodeBlocks(type: GgufType, values: Float32Array): Uint8Array {
  switch (type) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F16":
      return bytesOf(new Float16Array(values));
    case "BF16":
      return bytesOf(toBfloat16(values));
    case "Q8_0":
      return encodeQ8(values);
    case "Q4_K":
    case "Q5_K":
    case "Q6_K":
      return encodeK(type, values);
  }
}

/** The numbers of blocks. */
export function decodeBlocks(type: GgufType, bytes: Uint8Array): Float32Array {
  switch (type) {
    case "F32":
    case "F16":
    case "BF16":
      return widened(bytes, type satisfies FloatType);
    case "Q8_0":
      return decodeQ8(bytes);
    case "Q4_K":
    case "Q5_K":
    case "Q6_K":
      return decodeK(type, bytes);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float16Array | Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Q8_0: a scale in F16, and 32 numbers from −127 to 127 that are multiplied by it. */
function encodeQ8(values: Float32Array): Uint8Array {
  const { block, bytes } = ggufTypes.Q8_0;
  const out = new DataView(new ArrayBuffer((values.length / block) * bytes));
  for (let from = 0, at = 0; from < values.length; from += block, at += bytes) {
    let largest = 0;
    for (let i = from; i < from + block; i++) largest = Math.max(largest, Math.abs(values[i]!));
    out.setFloat16(at, largest / 127, true);
    // Divides by the scale that a reader multiplies by, unless it is so small that F16 has no number for it.
    const scale = out.getFloat16(at, true);
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = 0; i < block; i++) {
      out.setInt8(at + 2 + i, Math.max(-127, Math.min(127, Math.round(values[from + i]! * inverse))));
    }
  }
  return new Uint8Array(out.buffer);
}

function decodeQ8(bytes: Uint8Array): Float32Array {
  const { block, bytes: size } = ggufTypes.Q8_0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = new Float32Array((bytes.length / size) * block);
  for (let at = 0, to = 0; at < bytes.length; at += size, to += block) {
    const scale = view.getFloat16(at, true);
    for (let i = 0; i < block; i++) values[to + i] = scale * view.getInt8(at + 2 + i);
  }
  return values;
}
