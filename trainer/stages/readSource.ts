/**
 * Streams a source of examples as batches of rows. A source whose format is not set has the format of its first
 * readable row.
 */
import type { DataFile } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { DataForm } from "../contract/objective.ts";
import type { NamedFormat } from "../contract/settings.ts";
import { fileRows } from "../data/files/fileRows.ts";
import type { Columns } from "../data/rows/columnsSeen.ts";
import { RowError } from "../data/rows/example.ts";
import { batchOf, type Fault, type RowBatch } from "../data/rows/rowBatch.ts";
import type { RawRow } from "../data/rows/rowSplitter.ts";
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

/** `form`: what the rows must hold. */
export async function* readSource(
  file: DataFile,
  stores: Stores,
  signal: AbortSignal,
  form: DataForm = "Examples",
): AsyncIterable<SourceBatch> {
  const collector = new Collector(file, form);
  const { uri } = file;
  const store = stores.of(uri);
  async function* stream() {
    for await (const chunk of store.stream(uri)) {
      throwIfStopped(signal);
      collector.bytes += chunk.length;
      yield chunk;
    }
  }
  const read = async (start: number, end: number) => {
    throwIfStopped(signal);
    collector.bytes += end - start;
    return await store.read(uri, { start, end });
  };
  const bytes = (await store.stat(uri))?.bytes ?? 0;
  for await (const rows of fileRows({ uri, bytes, stream, read })) yield* collector.add(rows);
  yield collector.take();
}

class Collector {
  /** Bytes of the file that are not yet in a batch. */
  bytes = 0;
  readonly #file: DataFile;
  readonly #form: DataForm;
  #format: RowFormat | undefined;
  #rows: RawRow[] = [];
  #rowBytes = 0;
  #faults: Fault[] = [];

  constructor(file: DataFile, form: DataForm) {
    this.#file = file;
    this.#form = form;
    if (file.format !== "Auto") this.#format = { format: file.format, columns: file.columns };
  }

  *add(rows: readonly RawRow[]): Generator<SourceBatch> {
    for (const row of rows) {
      const fault = badRow(row) ?? this.#detect(row);
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
      const format = detectFormat(parseRow(bytes), columns, this.#form);
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

const badRow = ({ line, fault }: RawRow): Fault | undefined =>
  fault === undefined ? undefined : { kind: "bad", line, reason: fault };
