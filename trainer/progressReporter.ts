/**
 * Progress lines at a steady pace: within a phase at most one in an interval (a second by default), and the last one again when nothing was said for
 * five seconds, so that a silent log means a dead process.
 */
import type { Progress } from "./contract/progress.ts";

export type ProgressUpdate = Omit<Progress, "time">;

const usualInterval = 1000;
const heartbeatMilliseconds = 5000;

export class ProgressReporter {
  readonly #emit: (progress: Progress) => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #interval: number;
  #last: ProgressUpdate | undefined;
  #emittedAt = 0;

  /** `interval` in milliseconds. */
  constructor(emit: (progress: Progress) => void, interval = usualInterval) {
    this.#emit = emit;
    this.#interval = interval;
    this.#heartbeat = setInterval(() => this.#repeat(), usualInterval);
    this.#heartbeat.unref();
  }

  report(update: ProgressUpdate): void {
    const isNew = update.phase !== this.#last?.phase || update.done === update.total;
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
    this.#emit({ ...update, time: new Date().toISOString() });
  }
}
