/** A packed data set of examples in memory. */

import type { Encoded } from "../data/encoding/encode.ts";
import { trainedBit } from "../data/encoding/encodeBatch.ts";
import { PackedObject } from "../data/packed/packedDataset.ts";
import type { PackedRows } from "../data/packed/packing.ts";
import { answerRoles } from "../data/rows/example.ts";

export interface MemoryExample extends Omit<Encoded, "fullLength"> {
  source: number;
  line: number;
}

/** `rows` are lists of indices into `examples`. */
export function encodeDataset(
  examples: readonly MemoryExample[],
  rows: readonly (readonly number[])[],
  rowTokens: number,
): Uint8Array {
  const starts = new Uint32Array(rows.length + 1);
  for (const [row, members] of rows.entries()) starts[row + 1] = starts[row]! + members.length;
  return encodeRows(examples, { order: Uint32Array.from(rows.flat()), starts }, rowTokens);
}

export function encodeRows(examples: readonly MemoryExample[], rows: PackedRows, rowTokens: number): Uint8Array {
  const sequences = {
    lengths: Uint32Array.from(examples, ({ tokens }) => tokens.length),
    sources: Uint32Array.from(examples, ({ source }) => source),
    lines: Uint32Array.from(examples, ({ line }) => line),
    ...(examples.some(({ role }) => role) && {
      roles: Uint8Array.from(examples, ({ role }) => answerRoles[role ?? "plain"]),
    }),
    read: (example: number, into: Uint32Array) => {
      const { tokens, trained } = examples[example]!;
      into.set(tokens.map((token, index) => (trained[index] === 1 ? token + trainedBit : token)));
    },
  };
  return Buffer.concat([...new PackedObject(sequences, rows, rowTokens)]);
}
