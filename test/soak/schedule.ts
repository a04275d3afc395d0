/** Schedules of kills for a run. Seeded, so that a failing schedule can be repeated. Pure. */

export interface Kill {
  /** SIGTERM requests a checkpoint; SIGKILL ends the process at once. */
  readonly signal: "SIGTERM" | "SIGKILL";
  /** Time after the start of the process. */
  readonly afterMs: number;
}

/** One to four kills, each within `longestMs` of a start. */
export function killSchedule(seed: number, longestMs: number): Kill[] {
  const random = randomNumbers(seed);
  const count = 1 + Math.floor(random() * 4);
  return Array.from({ length: count }, () => ({
    signal: random() < 0.5 ? "SIGTERM" : "SIGKILL",
    afterMs: Math.floor(random() * longestMs),
  }));
}

/** mulberry32: uniform in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
