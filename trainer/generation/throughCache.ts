/**
 * Many sequences through the KV cache at once: each slot takes the tokens of a prompt, then one token at a time, and then the
 * next prompt.
 */
import type { CacheForward, CacheToken } from "../engine/cacheForward.ts";

/** The likeliest token after those that a prompt has so far. */
export interface Following {
  /** Number of the prompt. */
  readonly prompt: number;
  readonly likeliest: number;
  /** The slot whose logits the call gave. */
  readonly slot: number;
}

export interface Run {
  readonly prompts: readonly (readonly number[])[];
  /** Tokens that a prompt and its answer may come to have. */
  readonly longest: (prompt: number) => number;
  /** The next token; undefined when the prompt is done. */
  readonly next: (following: Following) => number | undefined;
  /** Called after each prompt. */
  readonly onDone: (done: number) => void;
  readonly signal: AbortSignal;
}

interface Work {
  prompt: number;
  /** Tokens that are not in the cache yet. */
  pending: readonly number[];
  position: number;
}

/** Continues every prompt (1..capacity−1 tokens) until it is done or the cache is full. Throws `Cancelled` on the signal. */
export async function continueAll(forward: CacheForward, run: Run): Promise<void> {
  const { capacity } = forward.shape;
  const queue = run.prompts.keys();
  const slots: (Work | undefined)[] = Array.from({ length: forward.shape.slots });
  const longest = (prompt: number) => Math.min(capacity, run.longest(prompt));
  let done = 0;
  for (;;) {
    fill(slots, queue, run.prompts);
    if (slots.every((work) => work === undefined)) return;
    const likeliest = await forward.run(takeTokens(slots, forward.maxTokens, longest), run.signal);
    for (const [slot, work] of slots.entries()) {
      if (!work || work.pending.length > 0) continue;
      const token = run.next({ prompt: work.prompt, likeliest: likeliest[slot]!, slot });
      if (token !== undefined && work.position < capacity) {
        work.pending = [token];
        continue;
      }
      slots[slot] = undefined;
      run.onDone(++done);
    }
  }
}

function fill(slots: (Work | undefined)[], queue: Iterator<number>, prompts: Run["prompts"]): void {
  for (const [slot, work] of slots.entries()) {
    if (work) continue;
    const next = queue.next();
    if (next.done) return;
    slots[slot] = { prompt: next.value, pending: prompts[next.value]!, position: 0 };
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
