/**
 * Reads sources of examples into sequences of tokens. It tolerates bad rows up to the limit, counts truncated and
 * duplicate examples, and holds out validation by the hash of the text. The sequences keep the order of the sources and
 * rows, whichever thread encoded them, so the digest is the same everywhere. Memory does not grow with the text.
 */
import { availableParallelism } from "node:os";
import type { DatasetSettings } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { NamedFormat } from "../contract/settings.ts";
import type { CodecTexts } from "../data/encoding/codec.ts";
import type { EncodeOptions } from "../data/encoding/encode.ts";
import type { EncodedBatch } from "../data/encoding/encodeBatch.ts";
import { Encoders, processesFor } from "../data/encoding/encoders.ts";
import { nearKeys } from "../data/encoding/nearHash.ts";
import { copiesOf, isHeldOut, type TextHash } from "../data/encoding/textHash.ts";
import type { SeenTexts } from "../data/packed/splits.ts";
import { ColumnsSeen } from "../data/rows/columnsSeen.ts";
import type { Stores } from "../stores/stores.ts";
import type { DatasetFile } from "./dataFiles.ts";
import { type FileColumns, readSource, type SourceBatch } from "./readSource.ts";
import { UnusableRows } from "./unusableRows.ts";

export interface ReadDatasetOptions {
  stores: Stores;
  texts: CodecTexts;
  settings: DatasetSettings;
  /** The files of the settings. */
  files: readonly DatasetFile[];
  /** The model's vocabulary size; a larger token is refused. */
  vocabSize: number;
  /** Receives the number of bytes read. */
  onBytes: (bytes: number) => void;
  /** Receives the texts of every split. */
  seen: SeenTexts;
  signal: AbortSignal;
  /** Encoding processes; 0: one per granted core. */
  threads: number;
  measured?: boolean;
}

export interface ReadExample {
  split: "train" | "validation";
  source: number;
  line: number;
  /** How often an epoch uses it; 0: never. */
  copies: number;
  /** Tokens with `trainedBit`; the views are valid only during the call. */
  sequences: readonly Uint32Array[];
  /** Whether an earlier example has the same text. */
  isCopy: boolean;
  /** Part of each sequence in a preference: a value of `answerRoles`. */
  roles: Uint8Array;
  /** The keys of near copies, if `measured` is set. */
  near: Uint32Array;
  /** Tokens of each sequence before truncation; exact if `measured` is set. */
  fullLengths: Uint32Array;
}

export interface ReadCounts {
  examples: number;
  validationExamples: number;
  truncatedExamples: number;
  duplicateExamples: number;
  /** Dropped rows: truncation leaves no trained token. */
  overlongExamples: number;
  badRows: number;
}

export interface ReadDataset {
  counts: ReadCounts;
  unusable: UnusableRows;
  /** One entry per file, in order. */
  files: FileColumns[];
}

/** Reads, encodes and splits all sources. Throws a failure that names file, line and reason. */
export async function readDataset(
  options: ReadDatasetOptions,
  onExample: (example: ReadExample) => void,
): Promise<ReadDataset> {
  const { settings, texts, files, measured = false } = options;
  const totalBytes = files.reduce((total, { entry }) => total + entry.bytes, 0);
  const encoding = { ...encodingOf(settings), measured };
  const threads = options.threads === 0 ? availableParallelism() : options.threads;
  const encoders = new Encoders(texts, encoding, processesFor(totalBytes, threads));
  try {
    return await new Reading(options, onExample).run(encoders);
  } finally {
    await encoders.close();
  }
}

/** How the settings encode an example. */
export const encodingOf = ({
  form,
  trainOn,
  maxSequenceLength,
  truncation,
  textOverlap,
}: DatasetSettings): EncodeOptions => ({
  ...{ trainOn, maxTokens: maxSequenceLength, truncation, textOverlap, paired: form === "Pairs" },
});

interface Asked extends SourceBatch {
  source: number;
  encoded: Promise<EncodedBatch> | undefined;
}

class Reading {
  readonly #options: ReadDatasetOptions;
  readonly #onExample: (example: ReadExample) => void;
  readonly #unusable: UnusableRows;
  readonly #columns: ColumnsSeen[];
  readonly #formats: (NamedFormat | undefined)[];
  readonly #counts = { examples: 0, validationExamples: 0, truncatedExamples: 0, duplicateExamples: 0 };

  constructor(options: ReadDatasetOptions, onExample: (example: ReadExample) => void) {
    this.#options = options;
    this.#onExample = onExample;
    this.#unusable = new UnusableRows(options.settings.maxBadFraction);
    this.#columns = options.files.map(() => new ColumnsSeen());
    this.#formats = options.files.map(() => undefined);
  }

  /** Requests batches ahead and takes them in order. */
  async run(encoders: Encoders): Promise<ReadDataset> {
    const asked: Asked[] = [];
    const { stores, signal, files, settings } = this.#options;
    for (const [source, file] of files.entries()) {
      for await (const read of readSource(file, stores, signal, settings.form)) {
        const encoded = read.batch && encoders.encode(read.batch);
        // The failure is handled in its turn; until then nothing awaits it.
        encoded?.catch(() => {});
        this.#formats[source] ??= read.batch?.format.format;
        asked.push({ ...read, source, encoded });
        if (asked.length >= encoders.window) await this.#take(asked.shift()!);
      }
    }
    for (const one of asked) await this.#take(one);
    const unusable = this.#unusable;
    unusable.judge();
    return {
      counts: { ...this.#counts, overlongExamples: unusable.overlong, badRows: unusable.bad },
      unusable,
      files: files.map(({ uri }, index) => ({
        uri,
        format: this.#formats[index],
        ...this.#columns[index]!.columns,
      })),
    };
  }

  async #take({ source, encoded, faults, rows, bytes }: Asked): Promise<void> {
    const batch = await encoded;
    this.#unusable.add(this.#options.files[source]!.uri, rows, [...(batch?.faults ?? []), ...faults]);
    if (batch) {
      this.#columns[source]!.addAll(batch.columns);
      this.#addBatch(batch, source);
    }
    this.#options.onBytes(bytes);
  }

  #addBatch(batch: EncodedBatch, source: number): void {
    const { vocabSize } = this.#options;
    if (batch.highestToken >= vocabSize) {
      throw invalid(
        "TokenizerMismatch",
        `the tokenizer gives token ${batch.highestToken}, but the model's vocab_size is ${vocabSize}: use the tokenizer of this model, or list the tokens without rows in dataset.addedTokens`,
      );
    }
    let [sequence, word] = [0, 0];
    for (const [row, line] of batch.lines.entries()) {
      const sequences: Uint32Array[] = [];
      const first = sequence;
      for (const end = sequence + batch.sequences[row]!; sequence < end; sequence++) {
        const length = batch.lengths[sequence]!;
        sequences.push(batch.words.subarray(word, word + length));
        word += length;
      }
      const [a = 0, b = 0, c = 0, d = 0] = batch.hashes.subarray(4 * row, 4 * row + 4);
      const fullLengths = batch.fullLengths.subarray(first, sequence);
      const read = { hash: [a, b, c, d], truncated: batch.truncated[row] === 1 } as const;
      const near = batch.near.subarray(nearKeys * row, nearKeys * (row + 1));
      const roles = batch.roles.subarray(first, sequence);
      this.#addExample(read, { source, line, sequences, fullLengths, roles, near });
    }
  }

  #addExample(
    { hash, truncated }: { hash: TextHash; truncated: boolean },
    read: Omit<ReadExample, "split" | "copies" | "isCopy">,
  ): void {
    const { settings, seen, files } = this.#options;
    const { validation } = settings;
    const { use } = files[read.source]!;
    const isHeld = validation.kind === "fraction" && isHeldOut(hash, validation.fraction);
    const split = isHeld ? "validation" : use.split;
    const copies = use.split === "validation" || isHeld ? 1 : copiesOf(hash, use.weight);
    const isCopy = copies > 0 && seen.add(hash, split);
    if (copies > 0) {
      if (isCopy) this.#counts.duplicateExamples++;
      if (truncated) this.#counts.truncatedExamples++;
      this.#counts[split === "validation" ? "validationExamples" : "examples"]++;
    }
    this.#onExample({ ...read, split, copies, isCopy });
  }
}
