/**
 * Calls back once another process has used some processor time. Wall-clock time would also pass while a busy machine suspends the
 * process.
 */
import { readFileSync } from "node:fs";

/** Linux counts the time of processes in hundredths of a second for every reader, whatever its own clock. */
const millisecondsPerTick = 10;
const shortestWait = 100;

/** Milliseconds of all its threads so far; undefined when it has ended. */
export function processorTimeOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name, which may contain spaces and parentheses; user and system time are fields 14 and 15.
  const [user = "", system = ""] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11);
  return millisecondsPerTick * (Number(user) + Number(system));
}

export class ProcessorTimer {
  readonly #pid: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Calls `onPassed` after so many milliseconds of the process's time from now on. Replaces an earlier call. */
  start(milliseconds: number, onPassed: () => void): void {
    this.stop();
    const end = (processorTimeOf(this.#pid) ?? 0) + milliseconds;
    const wait = (left: number) => {
      this.#timer = setTimeout(
        () => {
          const now = processorTimeOf(this.#pid);
          if (now === undefined) return;
          if (now >= end) onPassed();
          else wait(end - now);
        },
        Math.max(shortestWait, left),
      );
    };
    wait(milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
