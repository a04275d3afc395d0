/**
 * Reads sources of examples to sequences of tokens: bad rows within their tolerance, truncation and copies counted,
 * validation held out by the hash of the text. What is read comes in the order of the sources and their rows, whichever
 * threads encoded it, so that its digest is the same everywhere. Memory does not grow with the text.
 */
import type { DataFile, DatasetSettings } from "../contract/effective.ts";
import type { CodecTexts } from "../data/codec.ts";
import type { EncodedBatch } from "../data/encodeBatch.ts";
import { type Encoder, openEncoder } from "../data/encoders.ts";
import { copiesOf, isHeldOut, type TextHash } from "../data/example.ts";
import type { SeenTexts } from "../data/splits.ts";
import { invalid } from "../failure.ts";
import type { Stores } from "../stores/stores.ts";
import { BadRows, readSource, type SourceBatch } from "./readSource.ts";

export interface ReadDatasetOptions {
  stores: Stores;
  texts: CodecTexts;
  settings: DatasetSettings;
  /** Of the model: a token beyond it is refused. */
  vocabSize: number;
  /** Size of all sources. */
  totalBytes: number;
  /** Hears of what was read, in bytes. */
  onBytes: (bytes: number) => void;
  /** Takes the texts of every split. */
  seen: SeenTexts;
  signal: AbortSignal;
  /** Threads that encode. */
  threads: number;
}

export interface ReadExample {
  split: "train" | "validation";
  source: number;
  line: number;
  /** How often an epoch sees it; 0: not at all. */
  copies: number;
  /** Tokens with `trainedBit`; views that are valid during the call alone. */
  sequences: readonly Uint32Array[];
}

export interface ReadCounts {
  examples: number;
  validationExamples: number;
  truncatedExamples: number;
  duplicateExamples: number;
  badRows: number;
}

/** The files of a data set, in the order in which examples name them. */
export function dataFilesOf({ sources, validation }: DatasetSettings): DataFile[] {
  return [...sources, ...(validation.kind === "source" ? [validation.file] : [])];
}

/** Reads, encodes and splits all sources. Throws a failure that names file, line and reason. */
export async function readDataset(
  options: ReadDatasetOptions,
  onExample: (example: ReadExample) => void,
): Promise<ReadCounts> {
  const { settings, texts, totalBytes, threads } = options;
  const encoding = { trainOn: settings.trainOn, maxTokens: settings.maxSequenceLength };
  const encoder = openEncoder(texts, encoding, totalBytes, threads);
  try {
    return await new Reading(options, onExample).run(encoder);
  } finally {
    await encoder.close();
  }
}

interface Asked extends SourceBatch {
  source: number;
  encoded: Promise<EncodedBatch> | undefined;
}

class Reading {
  readonly #options: ReadDatasetOptions;
  readonly #onExample: (example: ReadExample) => void;
  readonly #files: readonly DataFile[];
  readonly #badRows: BadRows;
  readonly #counts = { examples: 0, validationExamples: 0, truncatedExamples: 0, duplicateExamples: 0 };

  constructor(options: ReadDatasetOptions, onExample: (example: ReadExample) => void) {
    this.#options = options;
    this.#onExample = onExample;
    this.#files = dataFilesOf(options.settings);
    this.#badRows = new BadRows(options.settings.maxBadFraction);
  }

  /** Batches are asked for ahead, and taken in order. */
  async run(encoder: Encoder): Promise<ReadCounts> {
    const asked: Asked[] = [];
    const { stores, signal } = this.#options;
    for (const [source, file] of this.#files.entries()) {
      for await (const read of readSource(file, stores, signal)) {
        const encoded = read.batch && encoder.encode(read.batch);
        // It is looked at in its turn; until then a failure is nobody's.
        encoded?.catch(() => {});
        asked.push({ ...read, source, encoded });
        if (asked.length >= encoder.window) await this.#take(asked.shift()!);
      }
    }
    for (const one of asked) await this.#take(one);
    this.#badRows.judge();
    return { ...this.#counts, badRows: this.#badRows.count };
  }

  async #take({ source, encoded, faults, rows, bytes }: Asked): Promise<void> {
    const batch = await encoded;
    this.#badRows.add(this.#files[source]!.uri, rows, [...(batch?.faults ?? []), ...faults]);
    if (batch) this.#addBatch(batch, source);
    this.#options.onBytes(bytes);
  }

  #addBatch(batch: EncodedBatch, source: number): void {
    const { vocabSize } = this.#options;
    if (batch.highestToken >= vocabSize) {
      throw invalid(
        "TokenizerMismatch",
        `the tokenizer gives token ${batch.highestToken}, the model's vocabulary has ${vocabSize}: they do not belong together`,
      );
    }
    let [sequence, word] = [0, 0];
    for (const [row, line] of batch.lines.entries()) {
      const sequences: Uint32Array[] = [];
      for (const end = sequence + batch.sequences[row]!; sequence < end; sequence++) {
        const length = batch.lengths[sequence]!;
        sequences.push(batch.words.subarray(word, word + length));
        word += length;
      }
      const [a = 0, b = 0, c = 0, d = 0] = batch.hashes.subarray(4 * row, 4 * row + 4);
      this.#addExample([a, b, c, d], source, line, sequences, batch.truncated[row] === 1);
    }
  }

  #addExample(hash: TextHash, source: number, line: number, sequences: Uint32Array[], truncated: boolean): void {
    const { settings, seen } = this.#options;
    const { validation, sources } = settings;
    const given = sources[source];
    const heldOut = given === undefined || (validation.kind === "fraction" && isHeldOut(hash, validation.fraction));
    const split = heldOut ? "validation" : "train";
    const copies = heldOut ? 1 : copiesOf(hash, given.weight);
    if (copies > 0) {
      if (seen.add(hash, split)) this.#counts.duplicateExamples++;
      if (truncated) this.#counts.truncatedExamples++;
      this.#counts[heldOut ? "validationExamples" : "examples"]++;
    }
    this.#onExample({ split, source, line, copies, sequences });
  }
}
