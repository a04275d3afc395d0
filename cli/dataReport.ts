/** The report of `luthier data` about a data set, counted as a run would read it; writes nothing. */
import type { DataFile, DatasetSettings } from "../trainer/contract/effective.ts";
import { type CodecTexts, codecOf } from "../trainer/data/encoding/codec.ts";
import { GrowableUint32 } from "../trainer/data/packed/growable.ts";
import { countTrained } from "../trainer/data/packed/packedDataset.ts";
import { rowsFor } from "../trainer/data/packed/packing.ts";
import { SeenTexts } from "../trainer/data/packed/splits.ts";
import { answerRoles } from "../trainer/data/rows/example.ts";
import { type DatasetFile, filesOf } from "../trainer/stages/dataFiles.ts";
import { readDataset } from "../trainer/stages/readDataset.ts";
import { readQuestions } from "../trainer/stages/readQuestions.ts";
import type { FileColumns } from "../trainer/stages/readSource.ts";
import { packingOf } from "../trainer/stages/stageDataset.ts";
import type { Stores } from "../trainer/stores/stores.ts";
import type { StoredModel } from "../trainer/weights/storedModel.ts";
import { NearCopies } from "./nearCopies.ts";

/** Lengths from `from` to `to` tokens. */
export interface LengthBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface DataReport {
  readonly examples: number;
  readonly validationExamples: number;
  readonly testExamples: number;
  /**
   * Training and validation sequences; more than examples if the template renders earlier turns differently in later
   * ones.
   */
  readonly sequences: number;
  /** For preferences: answers in training and validation. */
  readonly answers?: { readonly chosen: number; readonly rejected: number };
  /** Per epoch, as are rows. */
  readonly tokens: number;
  readonly trainedTokens: number;
  readonly rows: number;
  readonly rowTokens: number;
  readonly truncatedExamples: number;
  readonly duplicateExamples: number;
  /** Examples that share about nine of ten triples of words with an earlier one, and are no duplicates. */
  readonly nearCopies: number;
  /** Dropped: truncation leaves nothing of them to learn. */
  readonly overlongExamples: number;
  readonly overlongTestExamples: number;
  /** File and line of the first ones. */
  readonly overlongRows: readonly string[];
  readonly badRows: number;
  readonly firstFault: string;
  /** Formats and columns of each file; the test set is last. */
  readonly files: readonly FileColumns[];
  /** Numbers of texts that two splits share. */
  readonly leaks: { readonly trainValidation: number; readonly trainTest: number; readonly validationTest: number };
  /** Lengths of sequences before truncation. */
  readonly lengths: {
    readonly median: number;
    readonly p90: number;
    readonly p99: number;
    readonly longest: number;
    readonly bins: readonly LengthBin[];
  };
}

export interface ReportOptions {
  readonly stores: Stores;
  readonly model: StoredModel;
  /** The model's texts, with the template that is used. */
  readonly texts: CodecTexts;
  readonly settings: DatasetSettings;
  readonly files: readonly DatasetFile[];
  readonly test: DataFile | undefined;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onBytes: (done: number, total: number) => void;
}

/** Throws a failure with file, line and reason if more rows are unusable than the settings tolerate. */
export async function reportOn(options: ReportOptions): Promise<DataReport> {
  const { stores, model, texts, settings, files, test, threads, signal } = options;
  const found = test && (await filesOf(test, stores, "test"));
  const totalBytes = [...files, ...(found?.files ?? [])].reduce((total, { entry }) => total + entry.bytes, 0);
  let done = 0;
  const onBytes = (bytes: number) => {
    done = Math.min(totalBytes, done + bytes);
    options.onBytes(done, totalBytes);
  };
  const seen = new SeenTexts();
  const { vocabSize, contextLength } = await model.config();
  const measure = new Measure();
  const common = { stores, texts, settings, files, vocabSize, onBytes, seen, signal, threads };
  const read = await readDataset({ ...common, measured: true }, (example) => measure.add(example));
  const { counts, unusable } = read;
  if (counts.examples === 0) throw unusable.noExamples("the files hold", "train on");
  const maxTokens = Math.min(settings.maxSequenceLength, contextLength - 1);
  const asking = { stores, maxTokens, maxBadFraction: settings.maxBadFraction, onBytes, seen, signal };
  const questions = found && (await readQuestions(found.files, { ...asking, codec: await codecOf(texts) }));
  return {
    ...counts,
    badRows: counts.badRows + (questions?.unusable.bad ?? 0),
    firstFault: unusable.firstBad || (questions?.unusable.firstBad ?? ""),
    overlongTestExamples: questions?.unusable.overlong ?? 0,
    overlongRows: [...unusable.overlongRows, ...(questions?.unusable.overlongRows ?? [])],
    files: [...read.files, ...(questions?.files ?? [])],
    testExamples: questions?.manifest.questions.length ?? 0,
    ...measure.packed(settings),
    leaks: {
      trainValidation: seen.shared("train", "validation"),
      trainTest: seen.shared("train", "test"),
      validationTest: seen.shared("validation", "test"),
    },
  };
}

/** Collects lengths: eight bytes a sequence. */
class Measure {
  readonly #lengths = new GrowableUint32();
  readonly #fullLengths = new GrowableUint32();
  readonly #near = new NearCopies();
  readonly #answers = { chosen: 0, rejected: 0 };
  #trainedTokens = 0;

  add({
    split,
    copies,
    isCopy,
    near,
    sequences,
    fullLengths,
    roles,
  }: Parameters<Parameters<typeof readDataset>[1]>[0]): void {
    if (copies > 0 && !isCopy) this.#near.add(near);
    for (const role of roles) {
      if (role === answerRoles.chosen) this.#answers.chosen++;
      if (role === answerRoles.rejected) this.#answers.rejected++;
    }
    for (const length of fullLengths) this.#fullLengths.push(length);
    if (split !== "train") return;
    for (const words of sequences) this.#trainedTokens += copies * countTrained(words);
    // Copy after copy, so that the answers of a pair stay beside each other.
    for (let copy = 0; copy < copies; copy++) for (const { length } of sequences) this.#lengths.push(length);
  }

  packed(settings: DatasetSettings) {
    const lengths = this.#lengths.values();
    const rows = rowsFor(lengths, packingOf(settings));
    return {
      sequences: this.#fullLengths.length,
      ...(settings.form !== "Examples" && { answers: this.#answers }),
      tokens: lengths.reduce((total, length) => total + length, 0),
      trainedTokens: this.#trainedTokens,
      rows: rows.starts.length - 1,
      rowTokens: settings.maxSequenceLength,
      nearCopies: this.#near.count(),
      lengths: describe(this.#fullLengths.values().slice().sort()),
    };
  }
}

function describe(sorted: Uint32Array): DataReport["lengths"] {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { median: at(0.5), p90: at(0.9), p99: at(0.99), longest: sorted.at(-1) ?? 0, bins: binsOf(sorted) };
}

/** Each bin's upper bound is twice the previous one's; empty bins at either end are omitted. */
function binsOf(sorted: Uint32Array): LengthBin[] {
  const bins: LengthBin[] = [];
  for (let [from, to, next] = [1, 16, 0]; next < sorted.length; [from, to] = [to + 1, 2 * to]) {
    const first = next;
    while (next < sorted.length && sorted[next]! <= to) next++;
    if (next > first || bins.length > 0) bins.push({ from, to, count: next - first });
  }
  return bins;
}
