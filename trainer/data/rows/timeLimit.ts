/**
 * Bounds the time of synchronous work that executes a model's content: a chat template, or the patterns of a tokenizer,
 * which can loop for ever. Node can only interrupt code inside a `vm` script, so the script here just calls the work.
 *
 * The limit is processor time of this thread, because a busy machine suspends the thread for any time. Node's own limit is
 * wall-clock time: work that it interrupts too early starts again, with twice the time.
 */
import { types } from "node:util";
import { createContext, Script } from "node:vm";
import { invalid } from "../../contract/failure.ts";

/** In milliseconds. The work usually takes a few; the limit is far higher, for slow processors. */
export const generousTime = 10_000;

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
 * Runs synchronous work and returns its result, or throws `TimeLimitError` once it has used so much processor time. The work may
 * be interrupted at any place and run again, so it must change nothing outside. Inside another limit the work counts
 * towards that one: a watchdog costs some hundred microseconds, so many short pieces of work share one.
 */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  if (running) return work();
  // Twice the limit, so that on a machine with half a core to spare the first time is enough.
  for (let wall = 2 * Math.ceil(milliseconds); ; wall *= 2) {
    const before = process.threadCpuUsage();
    const ended = runFor(wall, work);
    if (ended !== undefined) return ended.result;
    const { user, system } = process.threadCpuUsage(before);
    if (user + system >= 1000 * milliseconds)
      throw new TimeLimitError(`did not end within ${milliseconds / 1000} seconds of processor time`);
  }
}

/** The result of work that ends within this wall-clock time; undefined for other work. */
function runFor<T>(milliseconds: number, work: () => T): { result: T } | undefined {
  const results: T[] = [];
  scope.work = () => void results.push(work());
  running = true;
  try {
    caller.runInContext(context, { timeout: milliseconds });
  } catch (error) {
    // Not `instanceof`, because the error belongs to the script's realm.
    if (!(types.isNativeError(error) && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT")) throw error;
    return undefined;
  } finally {
    running = false;
  }
  if (results.length === 0) throw new Error("the work has no result");
  return { result: results[0]! };
}
