/**
 * What the compiler hands to the training loop: programs, and the names of the bytes they read and write.
 *
 * All programs of a run share one list of weights, one state layout and one io layout; only the arena differs, and the
 * run reserves the largest. See docs/engine.md for the regions.
 */

import type { MethodSettings, OptimizerSettings } from "../contract/effective.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { Precision } from "../contract/settings.ts";

export type DataType = "F32" | "BF16" | "I32" | "U32" | "U8" | "F64";
export type Storage = "F32" | "BF16" | "NF4";

/** Everything that a run's programs are made from. */
export interface CompileSpec {
  model: ModelConfig;
  /** How the base's weights are stored: that of norms and embeddings, and that of the linear layers. */
  storage: { dense: "F32" | "BF16"; linear: Storage; doubleQuantization: boolean };
  method: MethodSettings;
  optimizer: OptimizerSettings;
  /** 0: no clipping. */
  maxGradNorm: number;
  precision: Precision;
  /** Tokens of a packed row, and packed rows of a micro-batch: T = rowTokens · microRows. */
  rowTokens: number;
  microRows: number;
  /** Blocks, counted from the bottom, whose activations are computed again in the backward pass. */
  recomputedBlocks: number;
  /** KV cache for greedy decoding; absent: no generation programs. */
  generation?: { slots: number; capacity: number; prefillTokens: number };
}

export interface NamedTensor {
  name: string;
  dtype: DataType;
  shape: readonly number[];
}

/** A frozen tensor by its checkpoint name; NF4 storage binds `name`, `name.absmax` and, nested, `name.nested_absmax`. */
export interface Weight extends NamedTensor {
  binding: number;
}

export type StateRole = "parameter" | "derived" | "gradient" | "moment1" | "moment2" | "scalar" | "cache";

export interface StateTensor extends NamedTensor {
  role: StateRole;
  /** Byte offset in region `state`. */
  offset: number;
  /** For a parameter: how it starts. `base` copies the checkpoint's tensor of the same name. */
  initial?:
    | { kind: "zeros" }
    | { kind: "kaimingUniform"; a: number }
    | { kind: "normal"; std: number }
    | { kind: "base" };
}

export interface IoTensor extends NamedTensor {
  /** Byte offset in region `io`. Tensors of different programs may overlap: io lives for one call. */
  offset: number;
}

/**
 * Which program: its stage and the buckets of its static shape.
 * - `begin`: zero gradients and loss, before the micro-batches of a step
 * - `derive`: φ from θ
 * - `micro`: forward and backward of one micro-batch, gradients and loss accumulate
 * - `optimise`: pull back, clip, update
 * - `evaluate`: forward alone; loss and nll
 * - `generate`: T tokens through the cache, `rows` logits rows → argmax
 */
export type ProgramKey =
  | { stage: "begin" | "derive" | "optimise" }
  | { stage: "micro" | "evaluate"; trainedRows: number }
  | { stage: "generate"; tokens: number; rows: number };

export interface Program {
  key: ProgramKey;
  bytes: Uint8Array;
  /** Inputs and outputs by name, with their offsets in region io. */
  io: ReadonlyMap<string, IoTensor>;
  arenaBytes: number;
  /** Floating-point operations of the matrix products and attention, for shares of peak. */
  flops: number;
}

export interface Compiled {
  weights: readonly Weight[];
  state: readonly StateTensor[];
  stateBytes: number;
  ioBytes: number;
  /** The largest arena of any program this run can ask for. */
  arenaBytes: number;
  /** Buckets for R and T: the smallest program that holds them. */
  trainedRowBuckets: readonly number[];
  generateTokenBuckets: readonly number[];
  /** The program of a key; the same key gives the same bytes. */
  program(key: ProgramKey): Program;
}
