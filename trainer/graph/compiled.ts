/**
 * What the compiler hands to the training loop: programs, and the names of the bytes they read and write.
 *
 * All programs of a run share one list of weights, one state layout and one io layout; only the arena differs, and the
 * run reserves the largest. See docs/engine.md for the regions.
 */

import type { OptimizerSettings } from "../contract/effective.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { Precision } from "../contract/training.ts";
import type { Device, Scratch } from "./op.ts";
import type { StateRole } from "./roles.ts";
import type { AfterStep, SiteRecord } from "./site.ts";
import type { DataType, Initial } from "./tensor.ts";

export type Storage = "F32" | "BF16" | "NF4";

/** Everything that a run's programs are made from. */
export interface CompileSpec {
  model: ModelConfig;
  /** Whose kernels run: the scratch of programs is theirs. */
  device: Device;
  /** How the base's weights are stored: that of norms and embeddings, and that of the linear layers. */
  storage: { dense: "F32" | "BF16"; linear: Storage; doubleQuantization: boolean };
  /** `none`: the base alone, which has no parameters. */
  method: MethodSettings | { kind: "none" };
  /** Absent: nothing is trained, and there are no programs `micro` and `optimise`. */
  training?: {
    optimizer: OptimizerSettings;
    /** 0: no clipping. */
    maxGradNorm: number;
  };
  /** F64: for finite differences on the double reference. */
  precision: Precision | "F64";
  /** Tokens of a packed row, and packed rows of a micro-batch: T = rowTokens · microRows. */
  rowTokens: number;
  microRows: number;
  /**
   * Blocks, counted from the bottom, whose activations are computed again in the backward pass. From 1 on, the blocks
   * above do so with what is cheap: norms, gates, dropout.
   */
  recomputedBlocks: number;
  /** KV cache for decoding, and the longest chunk of a prefill; absent: no generation programs. */
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

export interface StateTensor extends NamedTensor {
  role: StateRole;
  /** Byte offset in region `state`. */
  offset: number;
  /** For a parameter. */
  initial?: Initial;
}

export interface IoTensor extends NamedTensor {
  /** Byte offset in region `io`. Tensors of different programs may overlap: io lives for one call. */
  offset: number;
  /** `in`: JavaScript writes it before the call · `out`: it reads it afterwards. */
  direction: "in" | "out";
}

/**
 * Which program: its name and the buckets of its static shape. T = rowTokens · microRows, R = trainedRows.
 *
 * - `begin`: zero gradients and the state scalar `loss`, before the micro-batches of a step (or of an evaluation).
 * - `derive`: φ from θ; after every change of θ, before `micro`, `evaluate` and `generate`.
 * - `micro`: forward and backward of one micro-batch; gradients and `loss` accumulate.
 *   In: ids I32[T], cos and sin F32[T, D/2] (rows of `ropeTable` by position in the example), segmentStart I32[T] (the row
 *   of the micro-batch where the token's example starts), trainedRow I32[R] (rows whose next token is trained; −1: none),
 *   target I32[R], lossWeight F32[R] (0: none); with dropout rowKey U32[T, 2] = (example, position) and
 *   rngKey U32[2] = (seed, step). Out: nll F32[R].
 * - `pullback`: after the last micro-batch; gradients of derived values become gradients of parameters, and what the method
 *   adds to the loss once a step is differentiated. Empty for most methods.
 * - `optimise`: the gradient's norm, clipping, update. In: hyper F32[3] = (learning rate, 1 − β₁ᵗ, √(1 − β₂ᵗ)).
 *   The state scalars gradientSquares F64, gradientNorm F32 and clipFactor F32 are its figures.
 * - `observe`: what a method keeps of an update; it decides when.
 * - `evaluate`: `micro` without backward and dropout: same inputs but for the keys; `loss` accumulates. Out: nll.
 * - `generate`: T = tokens through the cache, for the rows `row` I32[slots] (−1: zeros) the logits F32[slots, V] and
 *   their argmax next I32[slots]. In: ids, cos, sin, slot I32[T] (−1: padding), position I32[T], row.
 *
 * A short micro-batch is padded: ids 0, segmentStart the row itself, trainedRow −1, target 0, lossWeight 0.
 */
export type ProgramKey =
  | { program: "begin" | "derive" | "pullback" | "optimise" | "observe" }
  | { program: "micro" | "evaluate"; trainedRows: number }
  | { program: "generate"; tokens: number };

export interface Program {
  key: ProgramKey;
  readonly bytes: Uint8Array;
  /** Inputs and outputs by name, with their offsets in region io. */
  io: ReadonlyMap<string, IoTensor>;
  arenaBytes: number;
  /** What its kernels work in beside the regions, at most. */
  scratch: Scratch;
  /** Floating-point operations of the matrix products and attention, for shares of peak. */
  flops: number;
}

export interface Compiled {
  weights: readonly Weight[];
  state: readonly StateTensor[];
  stateBytes: number;
  /** The largest io and the largest arena of any program this run can ask for; reading them builds all of these. */
  readonly ioBytes: number;
  readonly arenaBytes: number;
  /** The most that any of them needs, for each thread and for all together. */
  readonly scratch: Scratch;
  /** Buckets for R and T: the smallest program that holds them. */
  trainedRowBuckets: readonly number[];
  generateTokenBuckets: readonly number[];
  /** Elements of the base's tensors, trained or not; of a quantised one, what its codes stand for. */
  readonly baseParameters: number;
  /** What this was compiled from. */
  readonly spec: CompileSpec;
  /** Whether the program `pullback` does anything: it need not run where it does not. */
  readonly pullsBack: boolean;
  /** What the method does after an update. */
  readonly afterStep: AfterStep | undefined;
  /** Positions before the first token of every segment, which the method takes. */
  readonly positionOffset: number;
  /** The model's linear layers, and what the method does with them. */
  sites: readonly SiteRecord[];
  /** The program of a key; the same key gives the same bytes. */
  program(key: ProgramKey): Program;
}
