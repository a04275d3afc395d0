/**
 * Bounds the time of synchronous work with a model's chat template or tokenizer patterns, which can loop forever. Node can
 * only terminate work below a script, so a script here calls the work. The limit is wall-clock time, which also passes
 * while a busy machine runs other threads, so limits are generous.
 */
import { types } from "node:util";
import { createContext, Script } from "node:vm";
import { invalid } from "../../contract/failure.ts";

/** In milliseconds, far above the usual few, for a shared processor. */
export const generousTime = 20_000;

/** The failure of a base model whose chat template or tokenizer exceeds the time limit. */
export const tooSlow = (what: string) =>
  invalid("TemplateTooSlow", `the base model's chat template or tokenizer ${what}; use a base model with another one`);

/** The work exceeded its time limit. */
export class TimeLimitError extends Error {}

const caller = new Script("work()");
const scope = { work: () => {} };
const context = createContext(scope);
let running = false;

/**
 * Runs synchronous work and returns its result, or throws `TimeLimitError`. Inside another limit the work only counts
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
