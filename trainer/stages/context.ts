/** What a stage needs from whoever runs it: stores, someone who listens, and a way to be stopped. */

import { stopped } from "../contract/failure.ts";
import type { Progress } from "../contract/progress.ts";
import type { Stores } from "../stores/stores.ts";

export interface StageContext {
  stores: Stores;
  onProgress: (progress: Progress) => void;
  /** Least time between two reports of a phase, in milliseconds. Default 1000. */
  progressInterval?: number;
  /** A line for a person. */
  log: (line: string) => void;
  /** Aborted: stop at the next safe point, with what was done so far durable. */
  signal: AbortSignal;
  /** Worker threads of the executor; 0: as many as the cores granted. */
  threads: number;
  /** Bytes that a training may plan with, where that is less than this process may use. */
  memoryLimit?: number;
}

/** Throws the failure of a stop on request once the signal is given. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw stopped("stopped on request");
}
