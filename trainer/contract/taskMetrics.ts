/**
 * The metrics of an evaluation on held-out examples, each declared once. The schemas, the gate of promotion, the columns of
 * Adapters and every text that names a metric follow from these declarations; `trainer/generation/scores.ts` computes them.
 */
import { z } from "zod";

export interface TaskMetric {
  /** Its name in a sentence. */
  readonly words: string;
  readonly description: string;
  readonly better: "Higher" | "Lower";
  /** A Share is 0..1, a Perplexity at least 1. */
  readonly range: "Share" | "Perplexity";
  /**
   * Answers: compares the model's greedy answer with the reference. References: predicts each token of the reference from the
   * prompt and the tokens before it.
   */
  readonly reads: "Answers" | "References";
}

export const taskMetrics = {
  ExactMatch: {
    words: "exact match",
    description: "share of the examples whose greedy answer equals the reference after trimming white space.",
    better: "Higher",
    range: "Share",
    reads: "Answers",
  },
  TokenAccuracy: {
    words: "token accuracy",
    description:
      "share of the tokens of the references that are the likeliest after the prompt and the reference's tokens before them.",
    better: "Higher",
    range: "Share",
    reads: "References",
  },
  Perplexity: {
    words: "perplexity",
    description:
      "perplexity of the tokens of the references, each after the prompt and the reference's tokens before it; 1 is certainty, lower is better.",
    better: "Lower",
    range: "Perplexity",
    reads: "References",
  },
  F1: {
    words: "F1",
    description:
      "mean overlap of the words of answer and reference as SQuAD measures it: without case, punctuation and the articles a, an and the.",
    better: "Higher",
    range: "Share",
    reads: "Answers",
  },
  RougeL: {
    words: "ROUGE-L",
    description:
      "mean F-measure of the longest common subsequence of the words of answer and reference (Lin 2004), without case and stemming.",
    better: "Higher",
    range: "Share",
    reads: "Answers",
  },
  ValidJson: {
    words: "valid JSON",
    description: "share of the answers that are one JSON value (RFC 8259), white space around it aside.",
    better: "Higher",
    range: "Share",
    reads: "Answers",
  },
  Pattern: {
    words: "pattern",
    description: "share of the answers in which evaluation.pattern matches, after trimming white space.",
    better: "Higher",
    range: "Share",
    reads: "Answers",
  },
} as const satisfies Readonly<Record<TaskMetricName, TaskMetric>>;

export const taskMetricName = z.enum([
  "ExactMatch",
  "TokenAccuracy",
  "Perplexity",
  "F1",
  "RougeL",
  "ValidJson",
  "Pattern",
]);
export type TaskMetricName = z.infer<typeof taskMetricName>;
/** Every metric but ExactMatch, whose figures are older than the others and have members of their own. */
export type FurtherMetric = Exclude<TaskMetricName, "ExactMatch">;
/** The metrics that compare an answer with its reference. */
export type AnswerMetric = {
  [Name in TaskMetricName]: (typeof taskMetrics)[Name]["reads"] extends "Answers" ? Name : never;
}[TaskMetricName];

export const furtherMetric = taskMetricName.exclude(["ExactMatch"]);

/** All metrics, in the order of their declaration. */
export const taskMetricNames: readonly TaskMetricName[] = taskMetricName.options;
export const furtherMetrics: readonly FurtherMetric[] = furtherMetric.options;

export const readsAnswers = (name: TaskMetricName): name is AnswerMetric => taskMetrics[name].reads === "Answers";

/** Their descriptions in one text: "ExactMatch: share of …; F1: …". */
export const taskMetricsText = taskMetricNames
  .map((name) => `${name}: ${taskMetrics[name].description.replace(/\.$/, "")}`)
  .join("; ");
