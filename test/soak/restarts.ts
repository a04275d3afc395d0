/** Restarts a run until it is done, killing it by a schedule; used by the soak and its short test. */
import type { ChildProcess } from "node:child_process";
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import type { Kill } from "./schedule.ts";

/** Restarts that a schedule may take before the run counts as stuck. */
const mostStarts = 50;

/**
 * Returns the number of starts. A kill's time counts from the start of the process, or from the match of `since` in its
 * output. Throws if it ends in another way than done, stopped with a checkpoint, or by its kill.
 */
export async function startUntilDone(
  start: () => ChildProcess,
  kills: readonly Kill[],
  since?: RegExp,
): Promise<number> {
  for (let starts = 1; starts <= mostStarts; starts += 1) {
    const kill = kills[starts - 1];
    const { end, output } = await ended(start(), kill, since);
    if (end === exitCode.done) return starts;
    if (end !== exitCode.stopped && end !== kill?.signal) throw new Error(`the run ended with ${end}:\n${output}`);
  }
  throw new Error(`not finished after ${mostStarts} starts`);
}

/** Its exit code, or the signal that ended it. */
function ended(
  child: ChildProcess,
  kill: Kill | undefined,
  since: RegExp = /^/,
): Promise<{ end: number | NodeJS.Signals | null; output: string }> {
  const chunks: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const arm = (text: string) => {
    if (kill && since.test(text)) timer ??= setTimeout(() => child.kill(kill.signal), kill.afterMs);
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      arm(chunk.toString());
    });
  }
  arm("");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve({ end: status ?? signal, output: Buffer.concat(chunks).toString() });
    });
  });
}
