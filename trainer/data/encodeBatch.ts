/** A batch of rows as sequences of tokens, in flat arrays that move between threads without being copied. */
import { type Codec, type EncodeOptions, encodeExample } from "./encode.ts";
import { textHash } from "./example.ts";
import { type Fault, type RowBatch, readBatch } from "./rowBatch.ts";

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
  const lengths: number[] = [];
  const fullLengths: number[] = [];
  const words: number[] = [];
  let highestToken = 0;
  const faults = readBatch(batch, (example, line) => {
    const encoded = encodeExample(example, options, codec);
    lines.push(line);
    hashes.push(...textHash(example));
    truncated.push(encoded.truncated ? 1 : 0);
    sequences.push(encoded.sequences.length);
    for (const { tokens, trained, fullLength } of encoded.sequences) {
      lengths.push(tokens.length);
      fullLengths.push(fullLength);
      for (let i = 0; i < tokens.length; i++) {
        const token = tokens[i]!;
        if (token > highestToken) highestToken = token;
        words.push(trained[i] === 1 ? token + trainedBit : token);
      }
    }
  });
  return {
    faults,
    lines: new Uint32Array(lines),
    hashes: new Uint32Array(hashes),
    truncated: new Uint8Array(truncated),
    sequences: new Uint32Array(sequences),
    lengths: new Uint32Array(lengths),
    fullLengths: new Uint32Array(fullLengths),
    words: new Uint32Array(words),
    highestToken,
  };
}
