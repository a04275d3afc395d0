/** Starts a run again and again until it is done, killing it by a schedule: what the soak and its short test share. */
import type { ChildProcess } from "node:child_process";
import type { Kill } from "./schedule.ts";

/** Restarts that a schedule may take before the run counts as stuck. */
const mostStarts = 50;

/**
 * How often it was started. A kill's time counts from the start of the process, or from what `since` matches in its
 * output. Throws when it ends in another way than done, stopped with a checkpoint, or killed.
 */
export async function startUntilDone(
  start: () => ChildProcess,
  kills: readonly Kill[],
  since?: RegExp,
): Promise<number> {
  for (let starts = 1; starts <= mostStarts; starts += 1) {
    const { status, output } = await ended(start(), kills[starts - 1], since);
    if (status === 0) return starts;
    if (status !== 10 && status !== null) throw new Error(`the run ended with ${status}:\n${output}`);
  }
  throw new Error(`not finished after ${mostStarts} starts`);
}

function ended(
  child: ChildProcess,
  kill: Kill | undefined,
  since: RegExp = /^/,
): Promise<{ status: number | null; output: string }> {
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
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ status, output: Buffer.concat(chunks).toString() });
    });
  });
}
