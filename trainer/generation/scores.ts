/**
 * The scores of an answer beside its reference, 0..1, by metric. Pure. On ASCII texts F1 equals the official script of SQuAD 2.0
 * and ROUGE-L equals Python's `rouge-score` without a stemmer; there, words of other scripts are kept whole, where `rouge-score`
 * drops every character but a–z and 0–9.
 */
import { matcherOf } from "../contract/pattern.ts";
import type { AnswerMetric } from "../contract/taskMetrics.ts";

export type Score = (answer: string, reference: string) => number;

/** The scores of the metrics that read answers; `pattern` is set where `Pattern` is used. */
export function scoresOf(pattern: string | undefined): Readonly<Record<AnswerMetric, Score>> {
  const matches = pattern === undefined ? () => false : matcherOf(pattern);
  return {
    ExactMatch: (answer, reference) => Number(answer.trim() === reference.trim()),
    F1: wordOverlap,
    RougeL: rougeL,
    ValidJson: (answer) => Number(isJson(answer)),
    Pattern: (answer) => Number(matches(answer.trim())),
  };
}

/**
 * F1 of the words of both (Rajpurkar et al. 2016): the harmonic mean of the shares of the answer's and of the reference's words
 * that the other has too. If one of them has no words, it is 1 if the other has none either.
 */
export function wordOverlap(answer: string, reference: string): number {
  const [given, wanted] = [squadWords(answer), squadWords(reference)];
  if (given.length === 0 || wanted.length === 0) return Number(given.length === wanted.length);
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of given) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  return fMeasure(common, given.length, wanted.length);
}

/** The F-measure of the longest common subsequence of the words of both (Lin 2004, section 3), with β = 1. */
export function rougeL(answer: string, reference: string): number {
  const [given, wanted] = [rougeWords(answer), rougeWords(reference)];
  return fMeasure(commonSubsequence(given, wanted), given.length, wanted.length);
}

export function isJson(answer: string): boolean {
  try {
    JSON.parse(answer);
    return true;
  } catch {
    return false;
  }
}

/** The harmonic mean of `common`/`given` and `common`/`wanted`. */
function fMeasure(common: number, given: number, wanted: number): number {
  if (common === 0) return 0;
  const [precision, recall] = [common / given, common / wanted];
  return (2 * precision * recall) / (precision + recall);
}

/** Without case, ASCII punctuation and articles, as SQuAD's script normalises answers. */
function squadWords(text: string): string[] {
  const plain = text.toLowerCase().replaceAll(/[!-/:-@[-`{-~]/g, "");
  return words(plain.replaceAll(/(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu, " "), /\S+/g);
}

/** Runs of letters, their marks and digits, without case. */
const rougeWords = (text: string): string[] => words(text.toLowerCase(), /[\p{L}\p{M}\p{N}]+/gu);

const words = (text: string, word: RegExp): string[] => [...text.matchAll(word)].map(([found]) => found);

/** Length of the longest common subsequence, in memory of one row. */
function commonSubsequence(a: readonly string[], b: readonly string[]): number {
  const lengths = new Uint32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let at = 1; at <= b.length; at++) {
      const above = lengths[at]!;
      lengths[at] = word === b[at - 1] ? diagonal + 1 : Math.max(above, lengths[at - 1]!);
      diagonal = above;
    }
  }
  return lengths[b.length]!;
}
