/**
 * Streams a source of examples as batches of rows. A source whose format is not set has the format of its first
 * readable row.
 */
import type { DataFile } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { NamedFormat } from "../contract/settings.ts";
import type { Columns } from "../data/rows/columnsSeen.ts";
import { RowError } from "../data/rows/example.ts";
import { requireRows } from "../data/rows/foreignFormats.ts";
import { formBytes } from "../data/rows/foreignText.ts";
import { batchOf, type Fault, type RowBatch, tooLong } from "../data/rows/rowBatch.ts";
import { type RawRow, RowSplitter } from "../data/rows/rowSplitter.ts";
import { detectFormat, type RowFormat, strayColumns } from "../data/rows/rows.ts";
import { parseRow } from "../data/rows/strictJson.ts";
import type { Stores } from "../stores/stores.ts";
import { throwIfStopped } from "./context.ts";

/** How the rows of a file were read. */
export interface FileColumns extends Columns {
  readonly uri: string;
  /** Undefined when no row could be read. */
  readonly format: NamedFormat | undefined;
}

/** Maximum bytes of rows per batch. */
const batchBytes = 1 << 18;
const batchRows = 4096;

export interface SourceBatch {
  /** Absent when no row of the source is readable. */
  readonly batch: RowBatch | undefined;
  /** Faults found before the rows are read. */
  readonly faults: readonly Fault[];
  readonly rows: number;
  /** Bytes of the file since the previous batch. */
  readonly bytes: number;
}

export async function* readSource(file: DataFile, stores: Stores, signal: AbortSignal): AsyncIterable<SourceBatch> {
  const splitter = new RowSplitter(file.uri);
  const collector = new Collector(file);
  for await (const chunk of recognised(file.uri, stores.of(file.uri).stream(file.uri))) {
    throwIfStopped(signal);
    collector.bytes += chunk.length;
    yield* collector.add(splitter.push(chunk));
  }
  yield* collector.add(splitter.end());
  yield collector.take();
}

/** The chunks of a file whose beginning may be rows. Throws a failure for any other file. */
async function* recognised(uri: string, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let beginning: Uint8Array | undefined = new Uint8Array();
  for await (const chunk of chunks) {
    if (beginning === undefined) {
      yield chunk;
      continue;
    }
    beginning = Buffer.concat([beginning, chunk]);
    if (beginning.length < formBytes) continue;
    requireRows(uri, beginning, false);
    yield beginning;
    beginning = undefined;
  }
  if (beginning === undefined) return;
  requireRows(uri, beginning, true);
  yield beginning;
}

class Collector {
  /** Bytes of the file that are not yet in a batch. */
  bytes = 0;
  readonly #file: DataFile;
  #format: RowFormat | undefined;
  #rows: RawRow[] = [];
  #rowBytes = 0;
  #faults: Fault[] = [];

  constructor(file: DataFile) {
    this.#file = file;
    if (file.format !== "Auto") this.#format = { format: file.format, columns: file.columns };
  }

  *add(rows: readonly RawRow[]): Generator<SourceBatch> {
    for (const row of rows) {
      const fault = row.tooLong ? tooLong(row) : this.#detect(row);
      if (fault) this.#faults.push(fault);
      else this.#rows.push(row);
      this.#rowBytes += row.bytes.length;
      if (fault || this.#rowBytes >= batchBytes || this.#rows.length >= batchRows) yield this.take();
    }
  }

  take(): SourceBatch {
    const [rows, faults, bytes] = [this.#rows, this.#faults, this.bytes];
    this.#rows = [];
    this.#faults = [];
    this.#rowBytes = 0;
    this.bytes = 0;
    const batch = rows.length > 0 && this.#format ? batchOf(rows, this.#format) : undefined;
    return { batch, faults, rows: rows.length + faults.length, bytes };
  }

  /** Detects the format from the first row that has one; earlier rows are faults. */
  #detect({ line, bytes }: RawRow): Fault | undefined {
    if (this.#format) return undefined;
    const { uri, columns } = this.#file;
    try {
      const format = detectFormat(parseRow(bytes), columns);
      const [stray] = strayColumns(this.#file, format);
      if (stray !== undefined) {
        throw invalid(
          "ColumnUnknown",
          `${uri}: its rows have the format ${format}, which has no field ${stray}: remove it from columns`,
        );
      }
      this.#format = { format, columns };
      return undefined;
    } catch (error) {
      if (error instanceof RowError) return { kind: "bad", line, reason: error.message };
      throw error;
    }
  }
}
