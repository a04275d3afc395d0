/**
 * A packed data set as one object, to be mapped or read whole. Little-endian 32-bit words, each section 64-byte aligned:
 *
 *     header        magic "LTHD" · version 1 · rowTokens · rowCount · exampleCount · tokenCount · hasRoles · 9 × 0
 *                                                                                                        (16 words)
 *     rowStart      first example of each row, and the end                               u32 [rowCount + 1]
 *     exampleStart  first token of each example, and the end                             u32 [exampleCount + 1]
 *     exampleId     number of the example in reading order                               u32 [exampleCount]
 *     source, line  where the example was read: index of the source, line from 1         u32 [exampleCount] each
 *     tokens                                                                             u32 [tokenCount]
 *     trained       1 where the token carries loss                                        u8 [tokenCount]
 *     role          where hasRoles is 1: the example's part in a preference               u8 [exampleCount]
 *
 * Examples are stored in the order of the rows, so a row's tokens are contiguous. Bounds are checked on opening.
 */
import { corrupt, invalid } from "../../contract/failure.ts";
import { trainedBit } from "../encoding/encodeBatch.ts";
import { alignedSection as align, headerWords, packedBytes } from "./packedBytes.ts";
import type { PackedRows } from "./packing.ts";

/** Packed examples, independent of where their tokens are kept. All arrays are [examples]. */
export interface Sequences {
  readonly lengths: Uint32Array;
  readonly sources: Uint32Array;
  readonly lines: Uint32Array;
  /** Values of `answerRoles`, if they are answers of preferences. */
  readonly roles?: Uint8Array;
  /** Reads an example's tokens, with `trainedBit` where they carry loss; `into` has its length. */
  read(example: number, into: Uint32Array): void;
}

const magic = 0x4448544c;
const version = 1;
const chunkBytes = 1 << 20;

/** The object of a packed data set, chunk by chunk; each iteration gives the same bytes. */
export class PackedObject implements Iterable<Uint8Array> {
  readonly #sequences: Sequences;
  readonly #rows: PackedRows;
  readonly #rowTokens: number;

  constructor(sequences: Sequences, rows: PackedRows, rowTokens: number) {
    this.#sequences = sequences;
    this.#rows = rows;
    this.#rowTokens = rowTokens;
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    const { lengths, sources, lines, roles } = this.#sequences;
    const { order, starts } = this.#rows;
    const inOrder = (values: Uint32Array) => order.map((example) => values[example]!);
    const exampleStart = sums(inOrder(lengths));
    const tokenCount = exampleStart.at(-1)!;
    yield* section([
      bytesOf(header(this.#rowTokens, starts.length - 1, order.length, tokenCount, roles !== undefined)),
    ]);
    yield* section([bytesOf(starts)]);
    yield* section([bytesOf(exampleStart)]);
    yield* section([bytesOf(order)]);
    yield* section([bytesOf(inOrder(sources))]);
    yield* section([bytesOf(inOrder(lines))]);
    yield* section(this.#tokens((words) => bytesOf(idsOf(words))));
    yield* section(this.#tokens(flagsOf));
    if (roles) yield* section([Uint8Array.from(order, (example) => roles[example]!)]);
  }

  /** The words of all examples in order, in large chunks. */
  *#tokens(encode: (words: Uint32Array) => Uint8Array): Generator<Uint8Array> {
    const { lengths, read } = this.#sequences;
    let words = new Uint32Array(chunkBytes / 4);
    let filled = 0;
    for (const example of this.#rows.order) {
      const length = lengths[example]!;
      if (length > words.length - filled && filled > 0) {
        yield encode(words.subarray(0, filled));
        filled = 0;
      }
      if (length > words.length) words = new Uint32Array(length);
      read(example, words.subarray(filled, filled + length));
      filled += length;
    }
    if (filled > 0) yield encode(words.subarray(0, filled));
  }
}

const header = (rowTokens: number, rowCount: number, exampleCount: number, tokenCount: number, hasRoles: boolean) =>
  Uint32Array.from({
    length: headerWords,
    0: magic,
    1: version,
    2: rowTokens,
    3: rowCount,
    4: exampleCount,
    5: tokenCount,
    6: hasRoles ? 1 : 0,
  });

/** 0 and the running sums. Throws a failure when a sum exceeds 32 bits. */
function sums(values: Uint32Array): Uint32Array {
  const result = new Uint32Array(values.length + 1);
  let total = 0;
  for (const [index, value] of values.entries()) {
    total += value;
    result[index + 1] = total;
  }
  if (total > 0xffff_ffff)
    throw invalid(
      "DatasetTooLarge",
      `the data set has ${total} tokens, but at most 4,294,967,295 are supported: use fewer examples`,
    );
  return result;
}

/** Splits words with `trainedBit`. It loops, because a call per token would take longer than all other staging. */
function idsOf(words: Uint32Array): Uint32Array {
  const ids = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i++) ids[i] = words[i]! & ~trainedBit;
  return ids;
}

function flagsOf(words: Uint32Array): Uint8Array {
  const flags = new Uint8Array(words.length);
  for (let i = 0; i < words.length; i++) flags[i] = words[i]! >>> 31;
  return flags;
}

const bytesOf = (words: Uint32Array) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** Chunks, followed by zeros up to the next section. */
function* section(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let bytes = 0;
  for (const chunk of chunks) {
    bytes += chunk.length;
    yield chunk;
  }
  if (align(bytes) > bytes) yield new Uint8Array(align(bytes) - bytes);
}

export class PackedDataset {
  readonly rowTokens: number;
  readonly rowCount: number;
  readonly exampleCount: number;
  readonly rowStart: Uint32Array;
  readonly exampleStart: Uint32Array;
  readonly exampleId: Uint32Array;
  readonly source: Uint32Array;
  readonly line: Uint32Array;
  readonly tokens: Uint32Array;
  readonly trained: Uint8Array;
  /** Each example's part in a preference, a value of `answerRoles`; absent: the examples are no preferences. */
  readonly role: Uint8Array | undefined;

  /** Views the object's bytes without a copy. Throws a failure when they are not a packed data set. */
  constructor(object: Uint8Array) {
    const bytes = object.byteOffset % 4 === 0 ? object : object.slice();
    const [m, v, rowTokens = 0, rowCount = 0, exampleCount = 0, tokenCount = 0, hasRoles = 0] =
      bytes.length < headerWords * 4 ? [] : new Uint32Array(bytes.buffer, bytes.byteOffset, headerWords);
    if (m !== magic || v !== version)
      throw corrupt("DatasetCorrupt", "the staged data set has another version; prepare again");
    const counts = { rows: rowCount, examples: exampleCount, tokens: tokenCount, hasRoles: hasRoles === 1 };
    if (bytes.length !== packedBytes(counts))
      throw corrupt("DatasetCorrupt", "the staged data set's size does not match its header; prepare again");
    let position = 64;
    const next = (count: number) => {
      const section = new Uint32Array(bytes.buffer, bytes.byteOffset + position, count);
      position += align(4 * count);
      return section;
    };
    this.rowTokens = rowTokens;
    this.rowCount = rowCount;
    this.exampleCount = exampleCount;
    this.rowStart = next(rowCount + 1);
    this.exampleStart = next(exampleCount + 1);
    this.exampleId = next(exampleCount);
    this.source = next(exampleCount);
    this.line = next(exampleCount);
    this.tokens = next(tokenCount);
    this.trained = bytes.subarray(position, position + tokenCount);
    position += align(tokenCount);
    this.role = counts.hasRoles ? bytes.subarray(position, position + exampleCount) : undefined;
    this.#checkBounds();
  }

  /** Tokens of a row that carry loss. */
  trainedTokens(row: number): number {
    const [start, end] = this.tokenRange(row);
    let count = 0;
    for (const flag of this.trained.subarray(start, end)) count += flag;
    return count;
  }

  /** The first token of a row, and one past its last. */
  tokenRange(row: number): [number, number] {
    return [this.exampleStart[this.rowStart[row]!]!, this.exampleStart[this.rowStart[row + 1]!]!];
  }

  #checkBounds(): void {
    const rises = (starts: Uint32Array, end: number) =>
      starts[0] === 0 && starts.at(-1) === end && starts.every((start, i) => i === 0 || start >= starts[i - 1]!);
    const fits = () => {
      for (let row = 0; row < this.rowCount; row++) {
        const [start, end] = this.tokenRange(row);
        if (end - start > this.rowTokens) return false;
      }
      return true;
    };
    if (!rises(this.rowStart, this.exampleCount) || !rises(this.exampleStart, this.tokens.length) || !fits()) {
      throw corrupt("DatasetCorrupt", "the staged data set's boundaries are not in order; prepare again");
    }
  }
}

/** Number of words with `trainedBit`. */
export function countTrained(words: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < words.length; i++) count += words[i]! >>> 31;
  return count;
}
