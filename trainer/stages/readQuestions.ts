/** Reads the evaluation set: held-out examples as questions with their reference answers. */
import type { DataFile } from "../contract/effective.ts";
import type { Codec } from "../data/encoding/codec.ts";
import { type Question, questionOf } from "../data/encoding/questions.ts";
import { textHash } from "../data/encoding/textHash.ts";
import type { EvaluationManifest } from "../data/packed/manifests.ts";
import type { SeenTexts } from "../data/packed/splits.ts";
import { ColumnsSeen } from "../data/rows/columnsSeen.ts";
import { type Example, OverlongError, RowError } from "../data/rows/example.ts";
import { type Fault, faultOf, type RowBatch, readBatch } from "../data/rows/rowBatch.ts";
import type { Stores } from "../stores/stores.ts";
import { type FileColumns, readSource } from "./readSource.ts";
import { UnusableRows } from "./unusableRows.ts";

export interface ReadQuestionsOptions {
  stores: Stores;
  codec: Codec;
  /** Maximum length of a prompt. */
  maxTokens: number;
  maxBadFraction: number;
  onBytes: (bytes: number) => void;
  seen: SeenTexts;
  signal: AbortSignal;
}

export interface ReadQuestions {
  manifest: EvaluationManifest;
  unusable: UnusableRows;
  /** How each file was read. */
  files: readonly FileColumns[];
}

/** Throws a failure that names file, line and reason. A question that is too long is dropped and counted. */
export async function readQuestions(files: readonly DataFile[], options: ReadQuestionsOptions): Promise<ReadQuestions> {
  const unusable = new UnusableRows(options.maxBadFraction);
  const questions: EvaluationManifest["questions"] = [];
  const read: FileColumns[] = [];
  for (const file of files) read.push(await readFile(file, options, { unusable, questions }));
  unusable.judge();
  if (questions.length === 0) throw unusable.noExamples(`${files[0]?.uri ?? "the test set"}: holds`, "evaluate");
  const manifest: EvaluationManifest = { kind: "evaluation", version: 1, questions };
  return { manifest, unusable, files: read };
}

async function readFile(
  file: DataFile,
  options: ReadQuestionsOptions,
  { unusable, questions }: { unusable: UnusableRows; questions: EvaluationManifest["questions"] },
): Promise<FileColumns> {
  const seen = new ColumnsSeen();
  let format: FileColumns["format"];
  for await (const { batch, faults, rows, bytes } of readSource(file, options.stores, options.signal)) {
    format ??= batch?.format.format;
    const found = batch ? await readAll(batch, seen, options, questions) : [];
    unusable.add(file.uri, rows, [...faults, ...found]);
    options.onBytes(bytes);
  }
  return { uri: file.uri, format, ...seen.columns };
}

/** Adds the batch's questions; returns the invalid rows. */
async function readAll(
  batch: RowBatch,
  seen: ColumnsSeen,
  options: ReadQuestionsOptions,
  questions: EvaluationManifest["questions"],
): Promise<Fault[]> {
  const { made: examples, faults } = readBatch(batch, seen, (example, line) => ({ example, line }));
  for (const { example, line } of examples) {
    try {
      questions.push({ ...(await askable(example, options)), line });
      options.seen.add(textHash(example), "test");
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      faults.push(faultOf(error, line));
    }
  }
  return faults;
}

async function askable(example: Example, { codec, maxTokens }: ReadQuestionsOptions): Promise<Question> {
  const question = await questionOf(example, codec);
  if (question.prompt.length === 0) throw new RowError("its prompt is empty");
  const length = question.prompt.length + (question.opening?.length ?? 0);
  if (length <= maxTokens) return question;
  throw new OverlongError(
    `its prompt has ${length} tokens, but at most ${maxTokens} fit (dataset.maxSequenceLength, the model's context)`,
  );
}
