/**
 * Reads sources of examples to encoded, packed data sets: bad rows within their tolerance, truncation and copies counted,
 * validation held out by the hash of the text.
 */
import type { DatasetSettings } from "../contract/effective.ts";
import type { DataFormat } from "../contract/settings.ts";
import { type Codec, type Encoded, encodeExample, truncate } from "../data/encode.ts";
import { detectFormat, type Example, isHeldOut, RowError, readExample, textHash } from "../data/example.ts";
import { isBlank, lines, parseLine } from "../data/jsonl.ts";
import { countOnes, encodeDataset, type StagedExample } from "../data/packedDataset.ts";
import { oneEach, packRows } from "../data/packing.ts";
import { invalid } from "../failure.ts";
import type { Stores } from "../stores/stores.ts";
import { throwIfStopped } from "./context.ts";

export interface ReadOptions {
  stores: Stores;
  codec: Codec;
  settings: DatasetSettings;
  /** Hears of the size of every line that was read. */
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
}

export interface ReadCounts {
  truncatedExamples: number;
  duplicateExamples: number;
  badRows: number;
}

export interface ReadDataset {
  train: StagedExample[];
  validation: StagedExample[];
  counts: ReadCounts;
}

/** A row of a source, read and not yet encoded. */
interface SourceRow {
  example: Example;
  source: number;
  line: number;
}

export interface Source {
  uri: string;
  format: DataFormat;
}

/** Reads, encodes and splits all sources. Throws a failure that names file, line and reason. */
export async function readDataset(options: ReadOptions): Promise<ReadDataset> {
  const { settings } = options;
  const { validation } = settings;
  const reader = new RowReader(options);
  const result: ReadDataset = { train: [], validation: [], counts: reader.counts };
  const heldOutFrom = settings.sources.length;
  const sources: Source[] = [...settings.sources];
  if (validation.kind === "source") sources.push({ uri: validation.uri, format: "Auto" });
  const seen = new Set<string>();
  for await (const { example, source, line } of reader.rows(sources)) {
    const encoded = reader.encode(example, source, line);
    if (!encoded) continue;
    const hash = textHash(example);
    const key = hash.toString("base64");
    if (seen.has(key)) reader.counts.duplicateExamples++;
    seen.add(key);
    const heldOut = source === heldOutFrom || (validation.kind === "fraction" && isHeldOut(hash, validation.fraction));
    result[heldOut ? "validation" : "train"].push({ ...encoded, source, line });
  }
  reader.finish();
  return result;
}

/** Packs and encodes examples; the rows are as long as the settings say. */
export function packDataset(examples: readonly StagedExample[], settings: DatasetSettings) {
  const lengths = Uint32Array.from(examples, ({ tokens }) => tokens.length);
  const rows = settings.packing ? packRows(lengths, settings.maxSequenceLength) : oneEach(lengths);
  return {
    bytes: encodeDataset(examples, rows, settings.maxSequenceLength),
    rows: rows.length,
    tokens: lengths.reduce((total, length) => total + length, 0),
    trainedTokens: examples.reduce((total, { trained }) => total + countOnes(trained), 0),
  };
}

/** Reads rows under a tolerance for bad ones. */
export class RowReader {
  readonly counts: ReadCounts = { truncatedExamples: 0, duplicateExamples: 0, badRows: 0 };
  readonly #options: ReadOptions;
  readonly #uris: string[] = [];
  #rows = 0;
  #firstFault = "";

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  /** Rows of all sources, in order. */
  async *rows(sources: readonly Source[]): AsyncIterable<SourceRow> {
    for (const [source, { uri, format }] of sources.entries()) {
      this.#uris[source] = uri;
      yield* this.#rowsOf(source, uri, format);
    }
  }

  /** Tokens of an example, cut to a row's length; undefined for a bad one. */
  encode(example: Example, source: number, line: number): Encoded | undefined {
    const { settings, codec } = this.#options;
    return this.tolerating(source, line, () => {
      const encoded = encodeExample(example, settings.trainOn, codec);
      if (encoded.tokens.length <= settings.maxSequenceLength) return encoded;
      const cut = truncate(encoded, settings.maxSequenceLength);
      this.counts.truncatedExamples++;
      return cut;
    });
  }

  /** Runs `read`; a `RowError` of it is counted, and is a failure at once when no bad row is allowed. */
  tolerating<T>(source: number, line: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      this.counts.badRows++;
      const fault = `${this.#uris[source]}:${line}: ${error.message}`;
      if (this.#firstFault === "") this.#firstFault = fault;
      if (this.#options.settings.maxBadFraction === 0) throw badRow(fault);
      return undefined;
    }
  }

  /** Judges the share of bad rows, once all are read. */
  finish(): void {
    const { maxBadFraction } = this.#options.settings;
    if (this.counts.badRows <= maxBadFraction * this.#rows) return;
    throw invalid(
      "TooManyBadRows",
      `${this.counts.badRows} of ${this.#rows} rows are bad, over dataset.badRows.maxFraction ${maxBadFraction}; the first: ${this.#firstFault}`,
    );
  }

  async *#rowsOf(source: number, uri: string, format: DataFormat): AsyncIterable<SourceRow> {
    let named = format;
    for await (const line of lines(this.#options.stores.of(uri).stream(uri), uri)) {
      throwIfStopped(this.#options.signal);
      this.#options.onBytes(line.bytes.length + 1);
      if (isBlank(line)) continue;
      this.#rows++;
      const example = this.tolerating(source, line.number, () => {
        const row = parseLine(line);
        if (named === "Auto") named = detectFormat(row);
        return readExample(row, named);
      });
      if (example) yield { example, source, line: line.number };
    }
  }
}

const badRow = (fault: string) =>
  invalid("BadRow", `${fault}; mend the row, or allow some bad rows with dataset.badRows.maxFraction`);
