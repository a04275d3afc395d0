/**
 * Evaluates a model on held-out questions: it answers them greedily, predicts the tokens of their references, or both, as the
 * metrics need.
 */
import type { EvaluationSettings } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { EvaluationFigures } from "../contract/report.ts";
import { type AnswerMetric, type FurtherMetric, furtherMetrics, readsAnswers } from "../contract/taskMetrics.ts";
import type { Codec } from "../data/encoding/codec.ts";
import { withoutOpening } from "../data/encoding/opening.ts";
import type { EvaluationManifest } from "../data/packed/manifests.ts";
import { RowError } from "../data/rows/example.ts";
import type { CacheForward } from "../engine/cacheForward.ts";
import { greedyAnswers } from "./greedy.ts";
import { type GivenAnswer, type Prediction, predict } from "./prediction.ts";
import { scoresOf } from "./scores.ts";

type Questions = EvaluationManifest["questions"];
export type Measured = Pick<EvaluationSettings, "metrics" | "maxNewTokens" | "pattern">;

interface Options {
  readonly settings: Measured;
  /** Called after each question of a pass: `done` of `total`, the questions of all passes. */
  readonly onQuestion: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** The figures of the settings' metrics. Throws `Cancelled` on the signal, and a failure if no token can be predicted. */
export async function evaluate(
  forward: CacheForward,
  questions: Questions,
  codec: Codec,
  { settings, onQuestion, signal }: Options,
): Promise<EvaluationFigures> {
  const { metrics, maxNewTokens } = settings;
  const answering = metrics.some(readsAnswers);
  const predicting = !metrics.every(readsAnswers);
  const total = questions.length * (Number(answering) + Number(predicting));
  const pass = (before: number) => ({ onAnswer: (done: number) => onQuestion(before + done, total), signal });
  onQuestion(0, total);
  const given = predicting ? await givenAnswers(questions, codec, maxNewTokens) : [];
  const prompts = questions.map(({ prompt }) => prompt);
  const endTokens = codec.endIds;
  const opened = Math.max(0, ...questions.map(({ opening }) => opening?.length ?? 0));
  const longest = maxNewTokens + opened;
  const answers = answering
    ? await greedyAnswers(forward, prompts, { maxNewTokens: longest, endTokens, ...pass(0) })
    : [];
  const prediction = predicting ? await predict(forward, given, pass(total - questions.length)) : undefined;
  return figuresOf(settings, {
    answers: answers.map((answer, index) =>
      codec.tokenizer.decode(ownTokens(answer, questions[index]!, settings, codec)),
    ),
    references: questions.map(({ reference }) => reference),
    prediction,
  });
}

/** An answer's tokens after its opening, at most `maxNewTokens`. */
function ownTokens(
  answer: readonly number[],
  { opening }: Questions[number],
  { maxNewTokens }: Measured,
  codec: Codec,
): readonly number[] {
  const own = opening && codec.opening ? withoutOpening(answer, codec.opening) : answer;
  return own.slice(0, maxNewTokens);
}

/** The references' tokens after their prompts, without white space at their ends, at most `maxNewTokens`. */
async function givenAnswers(
  questions: Questions,
  { tokenizer }: Codec,
  maxNewTokens: number,
): Promise<readonly GivenAnswer[]> {
  const contexts = questions.map(({ prompt, opening = [] }) => [...prompt, ...opening]);
  const texts = questions.map(({ reference }, index) => ({
    text: reference.trimEnd(),
    before: tokenizer.display(contexts[index]!),
  }));
  const encoded = await tokenizer.encodeAll(texts);
  const given = questions.map(({ line }, index) => {
    const answer = encoded[index]!;
    if (answer instanceof RowError)
      throw invalid("ReferenceInvalid", `evaluation.test: line ${line}: its reference: ${answer.message}`);
    return { prompt: contexts[index]!, answer: answer.slice(0, maxNewTokens) };
  });
  if (given.some(({ answer }) => answer.length > 0)) return given;
  throw invalid(
    "ReferencesEmpty",
    "evaluation.metrics: TokenAccuracy and Perplexity predict the tokens of the references, but every answer of evaluation.test is empty: give it answers, or remove these metrics",
  );
}

export interface Outcome {
  /** Texts; empty if no metric reads answers. */
  readonly answers: readonly string[];
  readonly references: readonly string[];
  readonly prediction: Prediction | undefined;
}

/** The figures of the metrics, each the mean over all examples or tokens. Pure. */
export function figuresOf({ metrics, pattern }: Measured, outcome: Outcome): EvaluationFigures {
  const { references } = outcome;
  const scores = scoresOf(pattern);
  const mean = (name: AnswerMetric) =>
    references.reduce((sum, reference, index) => sum + scores[name](outcome.answers[index] ?? "", reference), 0) /
    references.length;
  const further = furtherMetrics
    .filter((name) => metrics.includes(name))
    .map((name) => [name, readsAnswers(name) ? mean(name) : predicted(name, outcome.prediction)] as const)
    .filter(([, figure]) => Number.isFinite(figure) && figure <= largest);
  return {
    ...(metrics.includes("ExactMatch") && { exactMatch: mean("ExactMatch") }),
    examples: references.length,
    ...(metrics.includes("ExactMatch") && { majorityShare: majorityShare(references) }),
    ...(further.length > 0 && { metrics: Object.fromEntries(further) }),
  };
}

/** A report holds no larger figure. */
const largest = 1e30;

function predicted(name: FurtherMetric, prediction: Prediction | undefined): number {
  if (prediction === undefined) return Number.NaN;
  const { tokens, likeliest, surprise } = prediction;
  return name === "Perplexity" ? Math.exp(surprise / tokens) : likeliest / tokens;
}

/** Share of the commonest reference. */
function majorityShare(references: readonly string[]): number {
  const groups = Map.groupBy(references, (reference) => reference.trim());
  const commonest = [...groups.values()].reduce((most, { length }) => Math.max(most, length), 0);
  return commonest / references.length;
}
