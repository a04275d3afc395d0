/**
 * Bounds the time of synchronous work that runs what came with a model: a chat template, or the patterns of a tokenizer,
 * which can loop for ever. Node ends what runs too long only below a script; the one here does nothing but call. It does
 * so by the clock, which also runs while a busy machine gives the thread no processor: limits leave room for that.
 */
import { types } from "node:util";
import { createContext, Script } from "node:vm";
import { invalid } from "../../contract/failure.ts";

/** In milliseconds, of what usually takes a few: far above, for a processor that many share. */
export const generousTime = 20_000;

/** The failure of a base model whose chat template or tokenizer does not end in time. */
export const tooSlow = (what: string) =>
  invalid("TemplateTooSlow", `the base model's chat template or tokenizer ${what}; use a base with another one`);

/** The work did not end in time. */
export class TimeLimitError extends Error {}

const caller = new Script("work()");
const scope = { work: () => {} };
const context = createContext(scope);
let running = false;

/**
 * Does synchronous work and gives its result, or throws `TimeLimitError`. Within another limit the work only counts
 * towards that one: a watch costs some hundred microseconds, so many short pieces of work share one.
 */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  if (running) return work();
  const results: T[] = [];
  scope.work = () => void results.push(work());
  running = true;
  try {
    caller.runInContext(context, { timeout: Math.ceil(milliseconds) });
  } catch (error) {
    // Not `instanceof`: it is an error of the script's own realm.
    if (!(types.isNativeError(error) && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")) throw error;
    throw new TimeLimitError(`did not end within ${milliseconds / 1000} seconds`);
  } finally {
    running = false;
  }
  if (results.length === 0) throw new Error("the work has no result");
  return results[0]!;
}
