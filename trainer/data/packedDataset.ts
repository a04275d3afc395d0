/**
 * A packed data set as one object, to be mapped or read whole. Little-endian 32-bit words, each section 64-byte aligned:
 *
 *     header        magic "LTHD" · version 1 · rowTokens · rowCount · exampleCount · tokenCount · 10 × 0     (16 words)
 *     rowStart      first example of each row, and the end                               u32 [rowCount + 1]
 *     exampleStart  first token of each example, and the end                             u32 [exampleCount + 1]
 *     exampleId     number of the example in reading order                               u32 [exampleCount]
 *     source, line  where the example was read: index of the source, line from 1         u32 [exampleCount] each
 *     tokens                                                                             u32 [tokenCount]
 *     trained       1 where the token carries loss                                        u8 [tokenCount]
 *
 * Examples are stored in the order of the rows, so a row's tokens are contiguous. Bounds are checked on opening.
 */
import { corrupt } from "../failure.ts";
import type { Encoded } from "./encode.ts";

export interface StagedExample extends Encoded {
  source: number;
  line: number;
}

const magic = 0x4448544c;
const version = 1;
const headerWords = 16;

/** Encodes `rows` (lists of indices into `examples`, as `packRows` gives them). */
export function encodeDataset(
  examples: readonly StagedExample[],
  rows: readonly (readonly number[])[],
  rowTokens: number,
): Uint8Array {
  const order = rows.flat();
  const stored = order.map((index) => examples[index]!);
  const words = [
    header(rowTokens, rows.length, order.length, sum(stored)),
    starts(rows.map((row) => row.length)),
    starts(stored.map(({ tokens }) => tokens.length)),
    Uint32Array.from(order),
    Uint32Array.from(stored, ({ source }) => source),
    Uint32Array.from(stored, ({ line }) => line),
    concatenate(
      stored.map(({ tokens }) => tokens),
      new Uint32Array(sum(stored)),
    ),
  ];
  const trained = concatenate(
    stored.map((example) => example.trained),
    new Uint8Array(sum(stored)),
  );
  return aligned([...words.map(bytesOf), trained]);
}

const header = (rowTokens: number, rowCount: number, exampleCount: number, tokenCount: number) =>
  Uint32Array.from({
    length: headerWords,
    0: magic,
    1: version,
    2: rowTokens,
    3: rowCount,
    4: exampleCount,
    5: tokenCount,
  });

const sum = (examples: readonly StagedExample[]) => examples.reduce((total, { tokens }) => total + tokens.length, 0);

function starts(lengths: readonly number[]): Uint32Array {
  const result = new Uint32Array(lengths.length + 1);
  for (const [index, length] of lengths.entries()) result[index + 1] = result[index]! + length;
  return result;
}

function concatenate<T extends Uint32Array | Uint8Array>(parts: readonly T[], into: T): T {
  let position = 0;
  for (const part of parts) {
    into.set(part, position);
    position += part.length;
  }
  return into;
}

const bytesOf = (words: Uint32Array) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
const align = (bytes: number) => Math.ceil(bytes / 64) * 64;

function aligned(sections: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(sections.reduce((total, section) => total + align(section.length), 0));
  let position = 0;
  for (const section of sections) {
    result.set(section, position);
    position += align(section.length);
  }
  return result;
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

  /** Over the object's bytes, which stay in use. Throws a failure when they are not a data set of ours. */
  constructor(object: Uint8Array) {
    const bytes = object.byteOffset % 4 === 0 ? object : object.slice();
    const [m, v, rowTokens = 0, rowCount = 0, exampleCount = 0, tokenCount = 0] =
      bytes.length < headerWords * 4 ? [] : new Uint32Array(bytes.buffer, bytes.byteOffset, headerWords);
    if (m !== magic || v !== version) throw corrupt("DatasetCorrupt", "the staged data set is not of this version");
    const counts = [rowCount + 1, exampleCount + 1, exampleCount, exampleCount, exampleCount, tokenCount];
    const expected = counts.reduce((total, count) => total + align(4 * count), 64) + align(tokenCount);
    if (bytes.length !== expected) throw corrupt("DatasetCorrupt", "the staged data set has another size than it says");
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
    this.#checkBounds();
  }

  /** Tokens of a row that carry loss. */
  trainedTokens(row: number): number {
    const [start, end] = this.tokenRange(row);
    return countOnes(this.trained.subarray(start, end));
  }

  /** First token of a row, and one past its last. */
  tokenRange(row: number): [number, number] {
    return [this.exampleStart[this.rowStart[row]!]!, this.exampleStart[this.rowStart[row + 1]!]!];
  }

  #checkBounds(): void {
    const rises = (starts: Uint32Array, end: number) =>
      starts[0] === 0 && starts.at(-1) === end && starts.every((start, i) => i === 0 || start >= starts[i - 1]!);
    const fits = () =>
      Array.from({ length: this.rowCount }, (_, row) => this.tokenRange(row)).every(
        ([a, b]) => b - a <= this.rowTokens,
      );
    if (!rises(this.rowStart, this.exampleCount) || !rises(this.exampleStart, this.tokens.length) || !fits()) {
      throw corrupt("DatasetCorrupt", "the staged data set's boundaries are not in order");
    }
  }
}

export function countOnes(flags: Uint8Array): number {
  let count = 0;
  for (const flag of flags) count += flag;
  return count;
}
