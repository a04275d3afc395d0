/**
 * Limits the rate of progress lines: within a phase at most one per interval (a second by default). It repeats the last
 * line after five seconds without one, so that a silent log means a dead process.
 */
import type { Progress } from "../contract/progress.ts";
import { Pace } from "./pace.ts";

export type ProgressUpdate = Omit<Progress, "time">;

const usualInterval = 1000;
const heartbeatMilliseconds = 5000;

export class ProgressReporter {
  readonly #emit: (progress: Progress) => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #interval: number;
  #last: ProgressUpdate | undefined;
  #emittedAt = 0;
  #pace = new Pace();

  /** `interval` in milliseconds. */
  constructor(emit: (progress: Progress) => void, interval = usualInterval) {
    this.#emit = emit;
    this.#interval = interval;
    this.#heartbeat = setInterval(() => this.#repeat(), usualInterval);
    this.#heartbeat.unref();
  }

  report(update: ProgressUpdate): void {
    const isBegin = update.phase !== this.#last?.phase;
    const isNew = isBegin || update.done === update.total;
    if (isBegin) this.#pace = new Pace();
    this.#last = update;
    if (isNew || Date.now() - this.#emittedAt >= this.#interval) this.#send(update);
  }

  close(): void {
    clearInterval(this.#heartbeat);
  }

  #repeat(): void {
    if (this.#last && Date.now() - this.#emittedAt >= heartbeatMilliseconds) this.#send(this.#last);
  }

  #send(update: ProgressUpdate): void {
    this.#emittedAt = Date.now();
    this.#pace.add(this.#emittedAt, update.done);
    const left = update.estimatedSecondsLeft ?? this.#pace.secondsLeft(update.total);
    const estimate = left === undefined ? {} : { estimatedSecondsLeft: left };
    this.#emit({ ...update, ...estimate, time: new Date().toISOString() });
  }
}
