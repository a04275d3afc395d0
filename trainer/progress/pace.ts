/**
 * The pace of a phase over its last half minute, and the remaining time at that pace. There is no estimate in the first
 * seconds or without progress. Pure.
 */
const windowMs = 30_000;
const leastMs = 3_000;

export class Pace {
  #samples: { atMs: number; done: number }[] = [];

  /** Adds the work `done` at a time; less than before starts another phase. */
  add(atMs: number, done: number): void {
    if (done < (this.#samples.at(-1)?.done ?? 0)) this.#samples = [];
    const recent = this.#samples.filter((_, index) => {
      const next = this.#samples[index + 1];
      // One sample older than the window stays as the start of the window.
      return next === undefined || next.atMs >= atMs - windowMs;
    });
    this.#samples = [...recent, { atMs, done }];
  }

  /** Undefined until an estimate is possible. */
  secondsLeft(total: number): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const [elapsed, moved] = [last.atMs - first.atMs, last.done - first.done];
    if (elapsed < leastMs || moved <= 0) return undefined;
    return ((total - last.done) * elapsed) / moved / 1000;
  }
}
