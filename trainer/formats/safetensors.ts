/**
 * safetensors: an 8-byte little-endian header length, a JSON header, then the tensors in sequence. The header is
 * untrusted. The reader bounds it and requires unique names, offsets that cover the file without overlap or gap, and
 * byte ranges that equal dtype × shape. It executes nothing and reads nothing outside the file.
 */
import { fileFault } from "../contract/jsonFault.ts";

export type SafetensorsType = keyof typeof elementBytes;

export const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const;

export interface TensorEntry {
  name: string;
  dtype: SafetensorsType;
  shape: readonly number[];
  /** Byte range in the file. */
  start: number;
  end: number;
}

export interface SafetensorsHeader {
  tensors: ReadonlyMap<string, TensorEntry>;
  metadata: ReadonlyMap<string, string>;
}

export class SafetensorsError extends Error {}

const maxHeaderBytes = 100_000_000;

/** Reads bytes [start, end) of a file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>;

/** Reads the header of a file of `fileBytes`. Throws `SafetensorsError` with the fault. */
export async function readSafetensorsHeader(fileBytes: number, read: ReadRange): Promise<SafetensorsHeader> {
  const end = headerEnd(await read(0, Math.min(8, fileBytes)), fileBytes);
  return parseHeader(await read(8, end), end, fileBytes);
}

/** The offset after the header, from the first eight bytes of a file. */
function headerEnd(prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < 10) throw new SafetensorsError(`only ${fileBytes} bytes, too short for a header`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes) || length > BigInt(fileBytes - 8)) {
    throw new SafetensorsError(`a header of ${length} bytes does not fit (file ${fileBytes} bytes, limit 100 MB)`);
  }
  return 8 + Number(length);
}

export interface DecodedTensor extends Pick<TensorEntry, "dtype" | "shape"> {
  data: Uint8Array;
}

/** The tensors of a whole file in memory, as views. Throws `SafetensorsError`. */
export function decodeTensors(file: Uint8Array): ReadonlyMap<string, DecodedTensor> {
  const end = headerEnd(file.subarray(0, 8), file.length);
  const { tensors } = parseHeader(file.subarray(8, end), end, file.length);
  return new Map(
    [...tensors.values()].map(({ name, dtype, shape, start, end: behind }) => {
      return [name, { dtype, shape, data: file.subarray(start, behind) }] as const;
    }),
  );
}

/** Parses the header's JSON; `dataStart` is the offset of the first tensor. */
export function parseHeader(header: Uint8Array, dataStart: number, fileBytes: number): SafetensorsHeader {
  if (header[0] !== 0x7b) throw new SafetensorsError("the header does not start with {");
  const text = decodeUtf8(header);
  const members = parseObject(text);
  const metadata = new Map<string, string>();
  const tensors: TensorEntry[] = [];
  for (const [name, value] of Object.entries(members)) {
    if (name === "__metadata__") readMetadata(value, metadata);
    else tensors.push(readEntry(name, value, dataStart));
  }
  refuseDuplicates(text, Object.keys(members).length);
  refuseGaps(tensors, dataStart, fileBytes);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SafetensorsError("the header is not UTF-8");
  }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SafetensorsError(`the header is ${fileFault(text)}`);
  }
  if (!isRecord(value)) throw new SafetensorsError("the header is not a JSON object");
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMetadata(value: unknown, metadata: Map<string, string>): void {
  if (!isRecord(value)) throw new SafetensorsError("__metadata__ is not an object");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw new SafetensorsError(`__metadata__.${key} is not a string`);
    metadata.set(key, text);
  }
}

function readEntry(name: string, value: unknown, dataStart: number): TensorEntry {
  const wrong = (what: string) => new SafetensorsError(`tensor ${JSON.stringify(name.slice(0, 200))}: ${what}`);
  if (!isRecord(value)) throw wrong("its entry is not an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isType(dtype)) throw wrong(`dtype ${JSON.stringify(dtype)} is not supported`);
  if (!isCounts(shape) || shape.length > 8) throw wrong("its shape is not a list of at most 8 whole numbers");
  if (!isCounts(offsets) || offsets.length !== 2) throw wrong("data_offsets are not two whole numbers");
  const [start = 0, end = 0] = offsets;
  const bytes = shape.reduce((product, dim) => product * BigInt(dim), BigInt(elementBytes[dtype]));
  if (BigInt(end) - BigInt(start) !== bytes) {
    throw wrong(`${dtype} of shape [${shape.join(", ")}] needs ${bytes} bytes, its range has ${end - start}`);
  }
  return { name, dtype, shape, start: dataStart + start, end: dataStart + end };
}

const isType = (value: unknown): value is SafetensorsType =>
  typeof value === "string" && Object.hasOwn(elementBytes, value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0 && item < 2 ** 48);

/** JSON.parse keeps only the last of equal names, so this counts the names in the text. */
function refuseDuplicates(text: string, distinct: number): void {
  let depth = 0;
  let names = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") depth++;
    else if (token === "}") depth--;
    else if (depth === 1 && token.endsWith(":")) names++;
  }
  if (names !== distinct) throw new SafetensorsError("a tensor is named twice");
}

function refuseGaps(tensors: TensorEntry[], dataStart: number, fileBytes: number): void {
  tensors.sort((a, b) => a.start - b.start || a.end - b.end);
  let position = dataStart;
  for (const { name, start, end } of tensors) {
    if (start !== position) {
      throw new SafetensorsError(
        `tensor ${JSON.stringify(name.slice(0, 200))} starts at byte ${start}, expected ${position}: a gap or an overlap`,
      );
    }
    position = end;
  }
  if (position !== fileBytes) throw new SafetensorsError(`tensors end at byte ${position} of ${fileBytes}`);
}
