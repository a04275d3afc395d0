/**
 * How well a model predicts given answers: each token from the prompt and the answer's tokens before it (teacher forcing). The
 * tokens run through the cache of generation, so the figures are those of the model that answers.
 */
import type { CacheForward } from "../engine/cacheForward.ts";
import { continueAll } from "./throughCache.ts";

export interface GivenAnswer {
  /** 1..capacity−1 tokens. */
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
}

export interface Prediction {
  /** Predicted tokens: of an answer those that fit into the cache. */
  readonly tokens: number;
  /** Those of them that the model finds the likeliest. */
  readonly likeliest: number;
  /** Sum of −log p of all of them, in nats. */
  readonly surprise: number;
}

/** Throws `Cancelled` on the signal. */
export async function predict(
  forward: CacheForward,
  given: readonly GivenAnswer[],
  { onAnswer, signal }: { onAnswer: (done: number) => void; signal: AbortSignal },
): Promise<Prediction> {
  const answered = given.filter(({ answer }) => answer.length > 0);
  const sum = { tokens: 0, likeliest: 0, surprise: 0 };
  /** Tokens of each answer that were predicted. */
  const done = new Uint32Array(answered.length);
  await continueAll(forward, {
    prompts: answered.map(({ prompt }) => prompt),
    longest: (index) => answered[index]!.prompt.length + answered[index]!.answer.length,
    next({ prompt: index, likeliest, slot }) {
      const { answer } = answered[index]!;
      const token = answer[done[index]!]!;
      done[index]!++;
      sum.tokens++;
      if (likeliest === token) sum.likeliest++;
      sum.surprise += surpriseOf(forward.logits(slot), token);
      return done[index]! < answer.length ? token : undefined;
    },
    onDone: onAnswer,
    signal,
  });
  return sum;
}

/** −log of the probability that these logits give a token, in nats, summed in double precision. */
export function surpriseOf(logits: Float32Array, token: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  return Math.log(sum) + most - logits[token]!;
}
