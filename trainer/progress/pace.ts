/**
 * How fast a phase goes, by the work of its last half minute, and how long the rest takes at that pace. Nothing is said
 * before a few seconds have passed, or when nothing moved. Pure.
 */
const windowMs = 30_000;
const leastMs = 3_000;

export class Pace {
  #samples: { atMs: number; done: number }[] = [];

  /** Work `done` at a time; less than before is another phase. */
  add(atMs: number, done: number): void {
    if (done < (this.#samples.at(-1)?.done ?? 0)) this.#samples = [];
    const recent = this.#samples.filter((_, index) => {
      const next = this.#samples[index + 1];
      // One sample older than the window stays: it is where the window begins.
      return next === undefined || next.atMs >= atMs - windowMs;
    });
    this.#samples = [...recent, { atMs, done }];
  }

  /** Undefined when it cannot be told yet. */
  secondsLeft(total: number): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const [elapsed, moved] = [last.atMs - first.atMs, last.done - first.done];
    if (elapsed < leastMs || moved <= 0) return undefined;
    return ((total - last.done) * elapsed) / moved / 1000;
  }
}
