/**
 * Bounds the time of synchronous work that executes a model's content: a chat template, or the patterns of a tokenizer,
 * which can loop for ever. Node can only interrupt code inside a `vm` script, so the script here just calls the work.
 * The limit is wall-clock time, which also passes while a busy machine suspends the thread; limits allow for that.
 */
import { types } from "node:util";
import { createContext, Script } from "node:vm";
import { invalid } from "../../contract/failure.ts";

/** In milliseconds. The work usually takes a few; the limit is far higher, for shared processors. */
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
 * Runs synchronous work and returns its result, or throws `TimeLimitError`. Inside another limit the work counts
 * towards that one: a watchdog costs some hundred microseconds, so many short pieces of work share one.
 */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  if (running) return work();
  const results: T[] = [];
  scope.work = () => void results.push(work());
  running = true;
  try {
    caller.runInContext(context, { timeout: Math.ceil(milliseconds) });
  } catch (error) {
    // Not `instanceof`, because the error belongs to the script's realm.
    if (!(types.isNativeError(error) && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")) throw error;
    throw new TimeLimitError(`did not end within ${milliseconds / 1000} seconds`);
  } finally {
    running = false;
  }
  if (results.length === 0) throw new Error("the work has no result");
  return results[0]!;
}
