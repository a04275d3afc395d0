/**
 * GGUF version 3, the files of llama.cpp: typed metadata, a table of tensors, and their data, each aligned to 32 bytes.
 * Numbers are little-endian. A tensor's dimensions are written in reverse, the columns first. The reader reads files that
 * Luthier wrote.
 */
import { blocksOf, type GgufType, ggufTypes, isGgufType } from "./ggufTypes.ts";

/** A value with its type; the metadata of a model need no other types. */
export type GgufValue =
  | { readonly type: "uint32" | "int32" | "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "int32s" | "float32s"; readonly value: readonly number[] };

/** Metadata by their keys, in the order in which they are written. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Rows first, as everywhere but in the file. */
  readonly shape: readonly number[];
}

export interface PlacedGgufTensor extends GgufTensor {
  /** Byte range in the file. */
  readonly start: number;
  readonly end: number;
}

export class GgufError extends Error {}

const magic = 0x46554747;
const version = 3;
const alignment = 32;

const codes = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
export const ggufBytes = ({ type, shape }: GgufTensor): number => blocksOf(type, shape) * ggufTypes[type].bytes;

/** The bytes before the first tensor's data; the data follow in the order of `tensors`, each filled up by `padding`. */
export function encodeGgufHeader(metadata: GgufMetadata, tensors: readonly GgufTensor[]): Uint8Array {
  const out = new Writer();
  out.uint32(magic);
  out.uint32(version);
  out.uint64(tensors.length);
  out.uint64(metadata.size);
  for (const [key, value] of metadata) {
    out.string(key);
    out.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.uint32(tensor.shape.length);
    for (const dimension of tensor.shape.toReversed()) out.uint64(dimension);
    out.uint32(ggufTypes[tensor.type].code);
    out.uint64(offset);
    offset += aligned(ggufBytes(tensor));
  }
  return out.bytes(alignment);
}

/** Zeros from the end of a tensor's data to the next tensor. */
export const ggufPadding = (tensor: GgufTensor): Uint8Array =>
  new Uint8Array(aligned(ggufBytes(tensor)) - ggufBytes(tensor));

class Writer {
  readonly #parts: Buffer[] = [];

  uint32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.#parts.push(bytes);
  }

  uint64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.#parts.push(bytes);
  }

  string(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.uint64(bytes.length);
    this.#parts.push(bytes);
  }

  value(given: GgufValue): void {
    switch (given.type) {
      case "uint32":
        this.uint32(codes.uint32);
        this.uint32(given.value);
        break;
      case "int32":
      case "float32":
        this.uint32(codes[given.type]);
        this.numbers(given.type, [given.value]);
        break;
      case "bool":
        this.uint32(codes.bool);
        this.#parts.push(Buffer.of(given.value ? 1 : 0));
        break;
      case "string":
        this.uint32(codes.string);
        this.string(given.value);
        break;
      case "strings":
        this.#array("string", given.value.length);
        given.value.forEach((text) => {
          this.string(text);
        });
        break;
      case "int32s":
        this.#array("int32", given.value.length);
        this.numbers("int32", given.value);
        break;
      case "float32s":
        this.#array("float32", given.value.length);
        this.numbers("float32", given.value);
    }
  }

  numbers(type: "int32" | "float32", values: readonly number[]): void {
    const numbers = type === "int32" ? Int32Array.from(values) : Float32Array.from(values);
    this.#parts.push(Buffer.from(numbers.buffer));
  }

  bytes(multiple: number): Uint8Array {
    const length = this.#parts.reduce((sum, { length }) => sum + length, 0);
    return Buffer.concat([...this.#parts, Buffer.alloc(Math.ceil(length / multiple) * multiple - length)]);
  }

  #array(of: keyof typeof codes, length: number): void {
    this.uint32(codes.array);
    this.uint32(codes[of]);
    this.uint64(length);
  }
}

export interface GgufHeader {
  readonly metadata: GgufMetadata;
  readonly tensors: readonly PlacedGgufTensor[];
}

/** Reads bytes [start, end) of a file. */
type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

/** Bytes that are read first; the header of a large vocabulary is longer. */
const firstBytes = 1 << 20;

/** Reads the header of a file of `fileBytes`. Throws `GgufError` with the fault. */
export async function readGgufHeader(fileBytes: number, read: ReadRange): Promise<GgufHeader> {
  for (let length = firstBytes; ; length *= 4) {
    const bytes = await read(0, Math.min(length, fileBytes));
    const header = parsed(bytes, fileBytes);
    if (header) return header;
    if (length >= fileBytes) throw new GgufError("the file ends before its header does");
  }
}

/** Undefined when the header is longer than `bytes`. */
function parsed(bytes: Uint8Array, fileBytes: number): GgufHeader | undefined {
  try {
    return headerOf(new Reader(bytes), fileBytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function headerOf(reader: Reader, fileBytes: number): GgufHeader {
  if (reader.uint32() !== magic) throw new GgufError("the file does not begin with GGUF");
  const found = reader.uint32();
  if (found !== version) throw new GgufError(`version ${found} of GGUF is not supported; supported: ${version}`);
  const [tensorCount, valueCount] = [reader.uint64(), reader.uint64()];
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < valueCount; index++) metadata.set(reader.string(), reader.value());
  const offsets = Array.from({ length: tensorCount }, () => reader.tensor());
  const dataStart = aligned(reader.position);
  const tensors = offsets.map(({ offset, ...tensor }) => {
    const start = dataStart + offset;
    const end = start + ggufBytes(tensor);
    if (end > fileBytes) throw new GgufError(`${tensor.name} ends at byte ${end} of ${fileBytes}`);
    return { ...tensor, start, end };
  });
  return { metadata, tensors };
}

class Reader {
  readonly #bytes: Buffer;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#step(4));
  }

  uint64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#step(8)));
  }

  string(): string {
    const length = this.uint64();
    const start = this.#step(length);
    if (this.position > this.#bytes.length) throw new RangeError("the string is longer than the bytes");
    return this.#bytes.toString("utf8", start, start + length);
  }

  value(): GgufValue {
    const code = this.uint32();
    switch (code) {
      case codes.uint32:
        return { type: "uint32", value: this.uint32() };
      case codes.int32:
        return { type: "int32", value: this.#int32() };
      case codes.float32:
        return { type: "float32", value: this.#float32() };
      case codes.bool:
        return { type: "bool", value: this.#bytes.readUInt8(this.#step(1)) !== 0 };
      case codes.string:
        return { type: "string", value: this.string() };
      case codes.array:
        return this.#array();
      default:
        throw new GgufError(`metadata of type ${code} are not supported`);
    }
  }

  tensor(): GgufTensor & { readonly offset: number } {
    const name = this.string();
    const shape = Array.from({ length: this.uint32() }, () => this.uint64()).reverse();
    const code = this.uint32();
    const type = Object.keys(ggufTypes).find((one) => isGgufType(one) && ggufTypes[one].code === code);
    if (type === undefined || !isGgufType(type)) throw new GgufError(`${name}: type ${code} is not supported`);
    return { name, type, shape, offset: this.uint64() };
  }

  #array(): GgufValue {
    const [code, length] = [this.uint32(), this.uint64()];
    switch (code) {
      case codes.string:
        return { type: "strings", value: Array.from({ length }, () => this.string()) };
      case codes.int32:
        return { type: "int32s", value: Array.from({ length }, () => this.#int32()) };
      case codes.float32:
        return { type: "float32s", value: Array.from({ length }, () => this.#float32()) };
      default:
        throw new GgufError(`arrays of type ${code} are not supported`);
    }
  }

  #int32(): number {
    return this.#bytes.readInt32LE(this.#step(4));
  }

  #float32(): number {
    return this.#bytes.readFloatLE(this.#step(4));
  }

  #step(bytes: number): number {
    const start = this.position;
    this.position += bytes;
    return start;
  }
}
