/** Reads the evaluation set: held-out examples as questions with their reference answers. */
import type { DataFile } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { Codec } from "../data/encoding/codec.ts";
import { type Question, questionOf } from "../data/encoding/questions.ts";
import { textHash } from "../data/encoding/textHash.ts";
import type { EvaluationManifest } from "../data/packed/manifests.ts";
import type { SeenTexts } from "../data/packed/splits.ts";
import { type Example, RowError } from "../data/rows/example.ts";
import { type Fault, type RowBatch, readBatch } from "../data/rows/rowBatch.ts";
import type { Stores } from "../stores/stores.ts";
import { BadRows, readSource } from "./readSource.ts";

export interface ReadQuestionsOptions {
  stores: Stores;
  codec: Codec;
  /** Of a prompt. */
  maxTokens: number;
  maxBadFraction: number;
  onBytes: (bytes: number) => void;
  seen: SeenTexts;
  signal: AbortSignal;
}

/** Throws a failure that names file, line and reason. */
export async function readQuestions(file: DataFile, options: ReadQuestionsOptions): Promise<EvaluationManifest> {
  const badRows = new BadRows(options.maxBadFraction);
  const questions: EvaluationManifest["questions"] = [];
  for await (const { batch, faults, rows, bytes } of readSource(file, options.stores, options.signal)) {
    const unusable = batch ? await readAll(batch, options, questions) : [];
    badRows.add(file.uri, rows, [...faults, ...unusable]);
    options.onBytes(bytes);
  }
  badRows.judge();
  if (questions.length === 0) throw invalid("NoExamples", `${file.uri}: holds no example to evaluate`);
  return { kind: "evaluation", version: 1, questions };
}

/** Adds the batch's questions; returns the rows that are none. */
async function readAll(
  batch: RowBatch,
  options: ReadQuestionsOptions,
  questions: EvaluationManifest["questions"],
): Promise<Fault[]> {
  const examples: { example: Example; line: number }[] = [];
  const faults = readBatch(batch, (example, line) => examples.push({ example, line }));
  for (const { example, line } of examples) {
    try {
      questions.push({ ...(await askable(example, options)), line });
      options.seen.add(textHash(example), "test");
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      faults.push({ line, reason: error.message });
    }
  }
  return faults;
}

async function askable(example: Example, { codec, maxTokens }: ReadQuestionsOptions): Promise<Question> {
  const question = await questionOf(example, codec);
  const { length } = question.prompt;
  if (length === 0) throw new RowError("its prompt is empty");
  if (length <= maxTokens) return question;
  throw new RowError(
    `its prompt has ${length} tokens, at most ${maxTokens} fit (dataset.maxSequenceLength, the model's context)`,
  );
}
