/**
 * The metric ExactMatch: the share of held-out questions whose greedy answer equals the reference after trimming white
 * space.
 */
import type { ExactMatch } from "../contract/report.ts";
import type { Codec } from "../data/encoding/codec.ts";
import type { EvaluationManifest } from "../data/packed/manifests.ts";
import type { CacheForward } from "../engine/cacheForward.ts";
import { type GreedyOptions, greedyAnswers } from "./greedy.ts";

type Questions = EvaluationManifest["questions"];

/** Answers every question and compares. */
export async function evaluateExactMatch(
  forward: CacheForward,
  questions: Questions,
  { tokenizer, endIds }: Codec,
  options: Omit<GreedyOptions, "endTokens">,
): Promise<ExactMatch> {
  const prompts = questions.map(({ prompt }) => prompt);
  const answers = await greedyAnswers(forward, prompts, { ...options, endTokens: endIds });
  return exactMatch(
    answers.map((answer) => tokenizer.decode(answer)),
    questions.map(({ reference }) => reference),
  );
}

/** Compares answers with their references. Pure. */
export function exactMatch(answers: readonly string[], references: readonly string[]): ExactMatch {
  const matches = references.filter((reference, index) => answers[index]?.trim() === reference.trim()).length;
  const groups = Map.groupBy(references, (reference) => reference.trim());
  const commonest = [...groups.values()].reduce((most, { length }) => Math.max(most, length), 0);
  return {
    exactMatch: matches / references.length,
    examples: references.length,
    majorityShare: commonest / references.length,
  };
}
