/**
 * Progress lines at a steady pace: at most one a second within a phase, and the last one again when nothing was said for
 * five seconds, so that a silent log means a dead process.
 */
import type { Progress } from "./contract/progress.ts";

export type ProgressUpdate = Omit<Progress, "time">;

const leastMilliseconds = 1000;
const mostMilliseconds = 5000;

export class ProgressReporter {
  readonly #emit: (progress: Progress) => void;
  readonly #heartbeat: NodeJS.Timeout;
  #last: ProgressUpdate | undefined;
  #emittedAt = 0;

  constructor(emit: (progress: Progress) => void) {
    this.#emit = emit;
    this.#heartbeat = setInterval(() => this.#repeat(), leastMilliseconds);
    this.#heartbeat.unref();
  }

  report(update: ProgressUpdate): void {
    const isNew = update.phase !== this.#last?.phase || update.done === update.total;
    this.#last = update;
    if (isNew || Date.now() - this.#emittedAt >= leastMilliseconds) this.#send(update);
  }

  close(): void {
    clearInterval(this.#heartbeat);
  }

  #repeat(): void {
    if (this.#last && Date.now() - this.#emittedAt >= mostMilliseconds) this.#send(this.#last);
  }

  #send(update: ProgressUpdate): void {
    this.#emittedAt = Date.now();
    this.#emit({ ...update, time: new Date().toISOString() });
  }
}
