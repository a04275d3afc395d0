/**
 * The target of a plan: the device whose kernels run, its memory beside the run's own, and the useful size of a
 * micro-batch. Planning does not inspect the machine, so a plan for another target can be made anywhere. Pure.
 */
import type { Gpu } from "./gpus.ts";

interface Shape {
  /** Beyond this many tokens a larger micro-batch only costs memory. */
  readonly enoughTokens: number;
  /** Maximum number of answers generated in parallel. */
  readonly mostSlots: number;
  /** Maximum tokens of a prompt per call of the model. */
  readonly prefillTokens: number;
}

export interface CpuTarget extends Shape {
  readonly device: "cpu";
  /** Number of threads that run kernels; each has its own scratch. */
  readonly threads: number;
  /** The process with the addon and a stage's code, before it loads a run. */
  readonly processBytes: number;
  /** The process's peak at its start: garbage of loading the code, which is collected before a run is loaded. */
  readonly startBytes: number;
  /** A thread's stack and its share of the allocator. */
  readonly threadBytes: number;
}

/** One GPU. Its plan counts device memory, not the host's. */
export interface GpuTarget extends Shape {
  readonly device: "cuda";
  readonly gpu: Gpu;
  /** The CUDA context with the kernels, and memory that the allocator cannot use. */
  readonly contextBytes: number;
}

export type Target = CpuTarget | GpuTarget;

const mebibyte = 2 ** 20;

/**
 * Any x86-64 instruction set with kernels, because the scratch of ops is bounded over all of them. Matrices of 2,048
 * tokens already exceed the caches.
 */
export const cpuTarget = (threads: number): CpuTarget => ({
  device: "cpu",
  threads,
  enoughTokens: 2048,
  mostSlots: 16,
  prefillTokens: 256,
  processBytes: 116 * mebibyte,
  startBytes: 146 * mebibyte,
  threadBytes: (3 / 8) * mebibyte,
});

/** `contextBytes` is an assumption: no part of the backend has run on a GPU yet. */
export const gpuTarget = (gpu: Gpu): GpuTarget => ({
  device: "cuda",
  gpu,
  enoughTokens: 8192,
  mostSlots: 64,
  prefillTokens: 2048,
  contextBytes: 768 * mebibyte,
});
