/** Greedy answers to many prompts: each slot answers one prompt, then takes the next. */
import type { CacheForward, CacheToken } from "../engine/cacheForward.ts";

export interface GreedyOptions {
  maxNewTokens: number;
  /** End tokens: any of them ends an answer. */
  endTokens: ReadonlySet<number>;
  /** Called after each answer. */
  onAnswer: (done: number) => void;
  signal: AbortSignal;
}

interface Work {
  prompt: number;
  /** Tokens that are not in the cache yet. */
  pending: readonly number[];
  position: number;
  answer: number[];
}

/** The greedy answer to each prompt (1..capacity−1 tokens), without its end token. Throws `Cancelled` on the signal. */
export async function greedyAnswers(
  forward: CacheForward,
  prompts: readonly (readonly number[])[],
  options: GreedyOptions,
): Promise<number[][]> {
  const answers: number[][] = prompts.map(() => []);
  const queue = prompts.keys();
  const slots: (Work | undefined)[] = Array.from({ length: forward.shape.slots });
  let done = 0;
  for (;;) {
    fill(slots, queue, prompts);
    if (slots.every((work) => work === undefined)) return answers;
    const longest = (prompt: number) =>
      Math.min(forward.shape.capacity, prompts[prompt]!.length + options.maxNewTokens);
    const next = await forward.run(takeTokens(slots, forward.maxTokens, longest), options.signal);
    for (const [slot, work] of slots.entries()) {
      if (!work || work.pending.length > 0) continue;
      if (!continues(work, next[slot]!, forward.shape.capacity, options)) {
        answers[work.prompt] = work.answer;
        slots[slot] = undefined;
        options.onAnswer(++done);
      }
    }
  }
}

function fill(slots: (Work | undefined)[], queue: Iterator<number>, prompts: readonly (readonly number[])[]): void {
  for (const [slot, work] of slots.entries()) {
    if (work) continue;
    const next = queue.next();
    if (next.done) return;
    slots[slot] = { prompt: next.value, pending: prompts[next.value]!, position: 0, answer: [] };
  }
}

/** Pending tokens of the slots in turn, up to the limit of a call; `longest`: of a prompt with its answer. */
function takeTokens(
  slots: readonly (Work | undefined)[],
  limit: number,
  longest: (prompt: number) => number,
): CacheToken[] {
  const taken: CacheToken[] = [];
  for (const [slot, work] of slots.entries()) {
    if (!work) continue;
    const count = Math.min(work.pending.length, limit - taken.length);
    const length = longest(work.prompt);
    for (const token of work.pending.slice(0, count)) taken.push({ token, slot, position: work.position++, length });
    work.pending = work.pending.slice(count);
  }
  return taken;
}

/** Appends the next token; false when the answer is complete. */
function continues(work: Work, token: number, capacity: number, { maxNewTokens, endTokens }: GreedyOptions): boolean {
  if (endTokens.has(token)) return false;
  work.answer.push(token);
  work.pending = [token];
  return work.answer.length < maxNewTokens && work.position < capacity;
}
