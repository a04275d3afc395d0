/** The environment of a stage: its stores, its listeners for progress, and its stop signal. */

import { stopped } from "../contract/failure.ts";
import type { Progress } from "../contract/progress.ts";
import type { Stores } from "../stores/stores.ts";

export interface StageContext {
  stores: Stores;
  onProgress: (progress: Progress) => void;
  /** Least time between two reports of a phase, in milliseconds. Default 1000. */
  progressInterval?: number;
  /** Prints a line for people. */
  log: (line: string) => void;
  /** When aborted, the stage stops at the next safe point, with its work so far durable. */
  signal: AbortSignal;
  /** Worker threads of the executor; 0: one per granted core. */
  threads: number;
  /** Bytes that a training may plan with, if fewer than this process, or its GPU, has. */
  memoryLimit?: number;
  /** Train on this process's GPU, which must be of that product if one is named; absent: on the CPU. */
  gpu?: { readonly product?: string | undefined };
}

/** Throws the failure of a stop on request once the signal is aborted. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw stopped("stopped on request");
}
