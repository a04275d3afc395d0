/**
 * A batch of a file's rows, which are read under one time limit and sent to another process together. An unusable row
 * is a fault with its line, never a guess.
 */
import type { ColumnsSeen } from "./columnsSeen.ts";
import { type Example, OverlongError, RefusedError, RowError } from "./example.ts";
import type { RawRow } from "./rowSplitter.ts";
import { type RowFormat, readExample } from "./rows.ts";
import { parseRow } from "./strictJson.ts";
import { generousTime, TimeLimitError, tooSlow, withinTime } from "./timeLimit.ts";

/** Rows one after the other in one buffer. */
export interface RowBatch {
  readonly format: RowFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The end offset of each row. */
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly lines: Uint32Array<ArrayBuffer>;
}

/** An unusable row: a bad one, a valid one without trained tokens after truncation, or one of a length that is refused. */
export interface Fault {
  kind: "bad" | "overlong" | "refused";
  line: number;
  reason: string;
}

export const faultOf = (error: RowError, line: number): Fault => ({
  kind: error instanceof OverlongError ? "overlong" : error instanceof RefusedError ? "refused" : "bad",
  line,
  reason: error.message,
});

export function batchOf(rows: readonly RawRow[], format: RowFormat): RowBatch {
  const ends = new Uint32Array(rows.length);
  let end = 0;
  for (const [index, { bytes }] of rows.entries()) {
    end += bytes.length;
    ends[index] = end;
  }
  const bytes = new Uint8Array(end);
  for (const [index, row] of rows.entries()) bytes.set(row.bytes, ends[index]! - row.bytes.length);
  return { format, bytes, ends, lines: Uint32Array.from(rows, ({ line }) => line) };
}

/** In milliseconds; enough for a row of maximum length on a slow processor. */
export const limitOf = ({ bytes }: RowBatch) => generousTime + bytes.length / 50;

export interface ReadRows<T> {
  /** The result for each usable row. */
  readonly made: T[];
  readonly faults: Fault[];
}

/**
 * Reads every row, records its columns, and passes its example to `use`, which may see a row again when its time was too short
 * (`withinTime`). Throws a failure when a row takes too long.
 */
export function readBatch<T>(
  batch: RowBatch,
  seen: ColumnsSeen,
  use: (example: Example, line: number) => T,
): ReadRows<T> {
  let line = 0;
  const readAll = (): ReadRows<T> => {
    const read: ReadRows<T> = { made: [], faults: [] };
    let start = 0;
    for (const [index, end] of batch.ends.entries()) {
      line = batch.lines[index]!;
      try {
        read.made.push(use(readExample(parseRow(batch.bytes.subarray(start, end)), batch.format, seen), line));
      } catch (error) {
        if (!(error instanceof RowError)) throw error;
        read.faults.push(faultOf(error, line));
      }
      start = end;
    }
    return read;
  };
  try {
    return withinTime(limitOf(batch), readAll);
  } catch (error) {
    if (error instanceof TimeLimitError)
      throw tooSlow(`${error.message} for the row of line ${line} and those before it`);
    throw error;
  }
}
