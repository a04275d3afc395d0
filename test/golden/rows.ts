/** The goldens' rows as a packed data set of the trainer. */
import { PackedDataset } from "../../trainer/data/packed/packedDataset.ts";
import { encodeDataset } from "../../trainer/testing/memoryDataset.ts";

export type RowOfSequences = readonly {
  ids: readonly number[];
  trained: readonly number[];
  role?: "chosen" | "rejected" | undefined;
}[];

export function packRowsOf({ rows, rowTokens }: { rows: readonly RowOfSequences[]; rowTokens: number }): PackedDataset {
  const examples = rows.flat().map(({ ids, trained, role }, line) => ({
    tokens: Uint32Array.from(ids),
    trained: Uint8Array.from(trained),
    source: 0,
    line: line + 1,
    role,
  }));
  let next = 0;
  const indices = rows.map((row) => row.map(() => next++));
  return new PackedDataset(encodeDataset(examples, indices, rowTokens));
}

/** Rows of optimiser step 1, 2, …: two at a time, starting again with the first after the last. */
export const rowsOfStep = (step: number, rows: number): [number, number] => [
  (2 * (step - 1)) % rows,
  (2 * (step - 1) + 1) % rows,
];
