/**
 * The JavaScript interface of the native executor. Only this file types and loads the addon.
 *
 * An `Executor` owns the regions `state`, `arena` and `io` of docs/engine.md and the bindings of region `weights`.
 * Programs run off the main thread, one at a time; TypeScript validates, C++ asserts.
 */
import { createRequire } from "node:module";
import type { Nf4Matrix } from "../graph/nf4.ts";
import { addonPath } from "./paths.ts";

export type Backend = "cpu" | "cuda" | "reference" | "reference64";

export interface ExecutorOptions {
  backend: Backend;
  /** Worker threads; results are the same for any number. 0: the cores that the cgroup grants. */
  threads: number;
  stateBytes: number;
  arenaBytes: number;
  ioBytes: number;
  /**
   * The part of the state that lies in managed memory, whose pages move between a GPU and the machine. The backends of the host
   * have one memory and ignore it.
   */
  paged?: { offset: number; bytes: number } | undefined;
  /** Scratch that the programs were planned with, for each thread and for all together. */
  threadScratchBytes: number;
  sharedScratchBytes: number;
  /** The number of bindings of region `weights`. */
  weights: number;
  /** Fill dead buffers with NaN: results must not change. */
  poison: boolean;
}

/** A byte range of a file to map read-only, or bytes in memory (kept alive by the executor). */
export type WeightSource = { path: string; offset: number; bytes: number } | { data: Uint8Array };

export interface Executor {
  /** Views of native memory; valid until `close()`. */
  readonly state: Uint8Array;
  readonly io: Uint8Array;
  bind(weight: number, source: WeightSource): void;
  /** Checks a program (docs/engine.md) and returns its handle. Throws with the reason if it is not well formed. */
  load(program: Uint8Array): number;
  /**
   * Executes a loaded program; false when `cancel()` ended it early. Rejects when another one is running or a weight it
   * needs is unbound.
   */
  run(program: number): Promise<boolean>;
  /** Stops the running program before its next instruction. Has no effect when no program is running. */
  cancel(): void;
  /**
   * Wall-clock seconds of each instruction but `release`, in order, summed over the program's runs so far; on a GPU, those of
   * the device.
   */
  instructionSeconds(program: number): Float64Array;
  /** The highest arena byte that any program has used so far. */
  arenaPeakBytes(): number;
  /** Bytes of scratch that kernels hold beside the regions: the planned size, or more if a program needed more. */
  scratchBytes(): number;
  close(): void;
}

export type InstructionSet = "AVX2" | "AVX512" | "AVX512_BF16" | "AMX_BF16" | "AMX_BF16_EMULATED";

export interface NativeInfo {
  /** The instruction set of backend `cpu` in this process, the fastest here or the one of `LUTHIER_ISA`. Results are bit-identical only within one set. */
  isa: InstructionSet;
  /** The instruction sets that this machine runs; `LUTHIER_ISA` chooses among them. */
  isas: InstructionSet[];
  /** Cores granted: affinity and cgroup quota, at least 1. */
  cores: number;
  numericsVersion: number;
}

/** GPU 0 of this process. */
export interface GpuInfo {
  name: string;
  /** Such as 8.0. */
  computeCapability: string;
  /** The CUDA version that the driver supports, such as 13.0. */
  driverVersion: string;
  /** Whether pages of managed memory move to the machine's memory when the GPU's is short. */
  pages: boolean;
  totalBytes: number;
  freeBytes: number;
  /** The most memory that was in use since the GPU was opened: what was held then, and this process's buffers. */
  peakBytes: number;
}

/** The `code` of an error that the native part tells apart. */
export type NativeCause = "NoUsableGpu" | "OutOfDeviceMemory";

export const hasCause = (error: unknown, cause: NativeCause): boolean =>
  error instanceof Error && "code" in error && error.code === cause;

/** Σ values[k] · left[k]·right[k]ᵀ: left [rank, rows], right [rank, columns]. */
export interface Decomposed {
  readonly values: Float64Array;
  readonly left: Float64Array;
  readonly right: Float64Array;
}

export interface Addon {
  info(): NativeInfo;
  /** Opens the GPU on the first call. Throws `NoUsableGpu`: no driver, no GPU, or none that runs the kernels. */
  gpu(): GpuInfo;
  /** Quantises row-major values to NF4, bit-equal to bitsandbytes on a CPU (runtime/quantize.h). */
  quantizeNf4(values: Uint8Array, dtype: "F32" | "BF16", doubleQuantization: boolean): Nf4Matrix;
  /**
   * The `rank` largest singular values of a row-major matrix with their vectors, or the first columns of Q and rows of R of
   * its QR decomposition; the same bits for any number of threads (runtime/decompose.h). Do not change `values` meanwhile.
   */
  decompose(
    values: Float32Array,
    rows: number,
    columns: number,
    rank: number,
    kind: "principal" | "qr",
    threads: number,
  ): Promise<Decomposed>;
  /** A file's bytes, mapped read-only: only pages that are read take memory. Writing to them crashes the process. */
  mapFile(path: string, bytes: number): Uint8Array;
  /** Returns freed memory of the allocator to the kernel. */
  trimMemory(): void;
  createExecutor(options: ExecutorOptions): Executor;
}

let loaded: Addon | undefined;

/** Loads the addon once. Throws with the build command when it has not been built. */
export function addon(): Addon {
  if (loaded) return loaded;
  const require = createRequire(import.meta.url);
  try {
    loaded = require(addonPath) as Addon;
  } catch (error) {
    throw new Error(
      `the native addon could not be loaded from ${addonPath}: build it with \`npm run build:native\`` +
        ` (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  return loaded;
}
