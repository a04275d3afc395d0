/** Polls for a condition that has no event, with a long timeout because a busy machine is slow. */
import { setTimeout as sleep } from "node:timers/promises";

const patienceMs = 10_000;

export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(5)) if (holds()) return;
  throw new Error(`${what}: not within ${patienceMs / 1000} s`);
}
