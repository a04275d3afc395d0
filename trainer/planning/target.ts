/**
 * What a training is planned for: whose kernels run, on how many threads, what the process and its threads take beside the
 * run's own memory, and how large a micro-batch pays. Planning asks the machine nothing, so that a plan for another target
 * is made anywhere. Pure.
 */
import type { Device } from "../graph/op.ts";

export interface Target {
  readonly device: Device;
  /** Threads that kernels run on; each has scratch of its own. */
  readonly threads: number;
  /** Beyond this many tokens a larger micro-batch only costs memory. */
  readonly enoughTokens: number;
  /** Answers that are generated side by side, at most. */
  readonly mostSlots: number;
  /** Tokens of a prompt that go through the model at once, at most. */
  readonly prefillTokens: number;
  /** The process with the addon and the code of a stage, before it holds anything of a run. */
  readonly processBytes: number;
  /** The process's peak while it starts: garbage of loading the code, which is collected before a run takes memory. */
  readonly startBytes: number;
  /** A thread's stack and what the allocator keeps for it. */
  readonly threadBytes: number;
}

const mebibyte = 2 ** 20;

/**
 * Any x86-64 instruction set that there are kernels for: ops' scratch is bounded over all of them. Matrices of 2,048 tokens
 * are past the caches already.
 */
export const cpuTarget = (threads: number): Target => ({
  device: "cpu",
  threads,
  enoughTokens: 2048,
  mostSlots: 16,
  prefillTokens: 256,
  processBytes: 112 * mebibyte,
  startBytes: 146 * mebibyte,
  threadBytes: (3 / 8) * mebibyte,
});
