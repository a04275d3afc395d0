/** Greedy answers to many prompts. */
import type { CacheForward } from "../engine/cacheForward.ts";
import { continueAll } from "./throughCache.ts";

export interface GreedyOptions {
  maxNewTokens: number;
  /** End tokens: any of them ends an answer. */
  endTokens: ReadonlySet<number>;
  /** Called after each answer. */
  onAnswer: (done: number) => void;
  signal: AbortSignal;
}

/** The greedy answer to each prompt (1..capacity−1 tokens), without its end token. Throws `Cancelled` on the signal. */
export async function greedyAnswers(
  forward: CacheForward,
  prompts: readonly (readonly number[])[],
  { maxNewTokens, endTokens, onAnswer, signal }: GreedyOptions,
): Promise<number[][]> {
  const answers: number[][] = prompts.map(() => []);
  await continueAll(forward, {
    prompts,
    longest: (prompt) => prompts[prompt]!.length + maxNewTokens,
    next({ prompt, likeliest }) {
      if (endTokens.has(likeliest)) return undefined;
      const answer = answers[prompt]!;
      answer.push(likeliest);
      return answer.length < maxNewTokens ? likeliest : undefined;
    },
    onDone: onAnswer,
    signal,
  });
  return answers;
}
