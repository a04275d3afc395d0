/** A batch of rows as sequences of tokens, in flat arrays for messages between processes. */
import { type Columns, ColumnsSeen } from "../rows/columnsSeen.ts";
import { answerRoles, RowError } from "../rows/example.ts";
import { type Fault, faultOf, type RowBatch, readBatch } from "../rows/rowBatch.ts";
import type { Codec } from "./codec.ts";
import { type Encoded, type EncodeOptions, encodeExamples, type GivenExample } from "./encode.ts";
import { nearHash } from "./nearHash.ts";
import { piecesOf } from "./pieces.ts";
import { ownText, type TextHash, textHash } from "./textHash.ts";

/** Set in a word whose token carries loss; token ids are far smaller. */
export const trainedBit = 0x8000_0000;

/** All arrays are in the order of the rows, without rows that have a fault. */
export interface EncodedBatch {
  faults: Fault[];
  columns: Columns;
  /** [rows] */
  lines: Uint32Array<ArrayBuffer>;
  /** [rows, 4]: the first 128 bits of the hash of the text. */
  hashes: Uint32Array<ArrayBuffer>;
  /** [rows, nearKeys] if measured, else empty. */
  near: Uint32Array<ArrayBuffer>;
  /** [rows]: 1 where tokens were truncated. */
  truncated: Uint8Array<ArrayBuffer>;
  /** [rows] */
  sequences: Uint32Array<ArrayBuffer>;
  /** Tokens of each sequence. */
  lengths: Uint32Array<ArrayBuffer>;
  /** The same before truncation, as far as encoded. */
  fullLengths: Uint32Array<ArrayBuffer>;
  /** Part of each sequence in a preference: a value of `answerRoles`. */
  roles: Uint8Array<ArrayBuffer>;
  /** All tokens, `trainedBit` where they carry loss. */
  words: Uint32Array<ArrayBuffer>;
  highestToken: number;
}

const noKeys = new Uint32Array();

interface Row extends GivenExample {
  readonly line: number;
  readonly hash: TextHash;
  readonly near: Uint32Array;
}

export async function encodeBatch(batch: RowBatch, options: EncodeOptions, codec: Codec): Promise<EncodedBatch> {
  const seen = new ColumnsSeen();
  const { made: rows, faults } = readBatch(batch, seen, (example, line): Row => {
    const { sequences, leftOut } = piecesOf(example, options.trainOn, codec);
    for (const name of leftOut) seen.ignore(name);
    const near = options.measured ? nearHash(ownText(example)) : noKeys;
    return { line, hash: textHash(example), near, example, sequences };
  });
  const examples = await encodeExamples(rows, options, codec);
  const good = rows.flatMap(({ line, hash, near }, index) => {
    const encoded = examples[index]!;
    if (!(encoded instanceof RowError)) return [{ line, hash, near, ...encoded }];
    faults.push(faultOf(encoded, line));
    return [];
  });
  const all = good.flatMap(({ sequences }) => sequences);
  return {
    faults,
    columns: seen.columns,
    lines: Uint32Array.from(good, ({ line }) => line),
    hashes: Uint32Array.from(good.flatMap(({ hash }) => hash)),
    near: Uint32Array.from(good.flatMap(({ near }) => [...near])),
    truncated: Uint8Array.from(good, ({ truncated }) => (truncated ? 1 : 0)),
    sequences: Uint32Array.from(good, ({ sequences }) => sequences.length),
    lengths: Uint32Array.from(all, ({ tokens }) => tokens.length),
    fullLengths: Uint32Array.from(all, ({ fullLength }) => fullLength),
    roles: Uint8Array.from(all, ({ role }) => answerRoles[role ?? "plain"]),
    ...wordsOf(all),
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
