/** A batch of rows as sequences of tokens, in flat arrays that move between threads without being copied. */

import { type Fault, type RowBatch, readBatch } from "../rows/rowBatch.ts";
import { type Codec, type Encoded, type EncodeOptions, encodeExample } from "./encode.ts";
import { textHash } from "./textHash.ts";

/** Set in a word whose token carries loss. Vocabularies end far below. */
export const trainedBit = 0x8000_0000;

/** All arrays are in the order of the rows; rows with a fault are left out of them. */
export interface EncodedBatch {
  faults: Fault[];
  /** [rows] */
  lines: Uint32Array<ArrayBuffer>;
  /** [rows, 4]: the first 128 bits of the hash of the text. */
  hashes: Uint32Array<ArrayBuffer>;
  /** [rows]: 1 where something was cut off. */
  truncated: Uint8Array<ArrayBuffer>;
  /** [rows] */
  sequences: Uint32Array<ArrayBuffer>;
  /** Tokens of each sequence. */
  lengths: Uint32Array<ArrayBuffer>;
  /** The same with what was cut off, as far as it was encoded. */
  fullLengths: Uint32Array<ArrayBuffer>;
  /** All tokens, `trainedBit` where they carry loss. */
  words: Uint32Array<ArrayBuffer>;
  highestToken: number;
}

export function encodeBatch(batch: RowBatch, options: EncodeOptions, codec: Codec): EncodedBatch {
  const lines: number[] = [];
  const hashes: number[] = [];
  const truncated: number[] = [];
  const sequences: number[] = [];
  const all: Encoded[] = [];
  const faults = readBatch(batch, (example, line) => {
    const encoded = encodeExample(example, options, codec);
    lines.push(line);
    hashes.push(...textHash(example));
    truncated.push(encoded.truncated ? 1 : 0);
    sequences.push(encoded.sequences.length);
    all.push(...encoded.sequences);
  });
  const { words, highestToken } = wordsOf(all);
  return {
    faults,
    lines: new Uint32Array(lines),
    hashes: new Uint32Array(hashes),
    truncated: new Uint8Array(truncated),
    sequences: new Uint32Array(sequences),
    lengths: Uint32Array.from(all, ({ tokens }) => tokens.length),
    fullLengths: Uint32Array.from(all, ({ fullLength }) => fullLength),
    words,
    highestToken,
  };
}

function wordsOf(sequences: readonly Encoded[]): Pick<EncodedBatch, "words" | "highestToken"> {
  const words = new Uint32Array(sequences.reduce((total, { tokens }) => total + tokens.length, 0));
  let [at, highestToken] = [0, 0];
  for (const { tokens, trained } of sequences) {
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (token > highestToken) highestToken = token;
      words[at++] = trained[i] === 1 ? token + trainedBit : token;
    }
  }
  return { words, highestToken };
}
