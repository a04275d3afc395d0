/**
 * The compiler's output for the training loop: programs, and the names of the bytes that they read and write.
 *
 * All programs of a run share one list of weights, one state layout and one io layout; only the arena differs, and the
 * run reserves the largest. See docs/engine.md for the regions.
 */

import type { OptimizerSettings } from "../contract/effective.ts";
import type { MethodSettings } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import type { PreferenceObjective } from "../contract/objective.ts";
import type { Precision } from "../contract/training.ts";
import type { Device, Scratch } from "./op.ts";
import type { StateRole } from "./roles.ts";
import type { AfterStep, Setup, SiteRecord } from "./site.ts";
import type { DataType, Initial } from "./tensor.ts";

export type Storage = "F32" | "BF16" | "NF4";

/** The complete input of the compiler for a run's programs. */
export interface CompileSpec {
  model: ModelConfig;
  /** The target whose kernels run; it determines the programs' scratch. */
  device: Device;
  /** Storage of the base's weights: of norms and embeddings, and of the linear layers. */
  storage: {
    dense: "F32" | "BF16";
    linear: Storage;
    doubleQuantization: boolean;
    /** Linear layers that are stored as `dense` although the others are NF4, by the ends of their names. Absent: none. */
    unquantized?: readonly string[] | undefined;
  };
  /** `none`: the base alone, which has no parameters. */
  method: MethodSettings | { kind: "none" };
  /** Absent: there is no training and no program `micro` or `optimise`. */
  training?: {
    optimizer: OptimizerSettings;
    /** 0: no clipping. */
    maxGradNorm: number;
    /** The share of the loss that is the vocabulary's mean. Default 0. */
    labelSmoothing?: number;
    /** Uniform noise on embeddings up to α/√(L·d). Default 0: none. */
    neftuneNoiseAlpha?: number;
    /** The coefficient of the loss that balances the routers' load (ops/balanceLoss). Default 0: none. */
    routerAuxLoss?: number;
    /** Absent: supervised. */
    objective?: PreferenceObjective;
  };
  /** F64: for finite differences on the double reference. */
  precision: Precision | "F64";
  /** Tokens per packed row, and packed rows per micro-batch: T = rowTokens · microRows. */
  rowTokens: number;
  microRows: number;
  /**
   * Number of blocks, from the bottom, whose activations the backward pass recomputes. If it is at least 1, the blocks
   * above recompute only cheap values: norms, gates, dropout.
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
  residual?: Residual;
}

/** The product that is subtracted from a weight: scale·B·A of the initial values of these parameters. */
export interface Residual {
  a: string;
  b: string;
  scale: number;
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
  /** Written instead of what a caller gives: the input is a constant. */
  values?: Float32Array | Int32Array;
}

/**
 * Identifies a program: its name and the buckets of its static shape. T = rowTokens · microRows, R = trainedRows.
 *
 * - `begin`: zero gradients and the state scalar `loss`, before the micro-batches of a step (or of an evaluation).
 * - `derive`: φ from θ; after every change of θ, before `micro`, `evaluate` and `generate`.
 * - `micro`: forward and backward pass of one micro-batch; gradients and `loss` accumulate.
 *   In: ids I32[T], cos and sin F32[T, D/2] (rows of `ropeTable` by position in the example), segmentStart I32[T] (the row
 *   of the micro-batch where the token's example starts), with sliding layers windowStart I32[T] (the first row that a token
 *   of them sees) and, where they have a rotary base of their own, localCos and localSin; trainedRow I32[R] (rows whose next token is trained; −1: none),
 *   target I32[R], lossWeight F32[R] (0: none); with dropout or noise rowKey U32[T, 2] = (example, position) and
 *   rngKey U32[2] = (seed, step); with noise length I32[T] (the tokens of the token's example; 0: padding); with routerAuxLoss exampleWeight F32[T] (in the row of
 *   an example's first token the sum of its lossWeights, else 0). Out: nll F32[R].
 * - `pullback`: after the last micro-batch; turns gradients of derived values into gradients of parameters, and
 *   differentiates the terms that the method adds to the loss once per step. Empty for most methods.
 * - `optimise`: the gradient's norm, clipping, update. In: hyper F32[3] = (learning rate, 1 − β₁ᵗ, √(1 − β₂ᵗ)).
 *   The state scalars gradientSquares F64, gradientNorm F32 and clipFactor F32 are its figures.
 * - `inputs`: the inputs of the linear layers of one block, as a method reads them before the first step. Inputs as `evaluate`'s
 *   without the trained rows. Out: one for each distinct input, named by the layers that share it.
 * - `observe`: the statistics that a method keeps of updates; the method decides when it runs.
 * - `evaluate`: `micro` without backward pass and dropout: same inputs except the keys; `loss` accumulates. Out: nll.
 * - With preferences, `micro` and `evaluate` take instead of lossWeight: present F32[R] (1; 0: none), segment I32[R] (the
 *   answer that the row's target belongs to; −1: none), segmentScale F32[S] (S = 2·⌈R/2⌉: each answer's factor) and, by
 *   objective: pairWeight F32[S/2] of answers 2p (chosen) and 2p + 1 (rejected), for ORPO lossWeight as well; answerWeight
 *   F32[S] (negative: not wanted) and divergence F32[1]. Out: segments F64[S], the scaled negative log-likelihood of each
 *   answer, for DPO and KTO less the base's.
 * - `divergence`: the same rows without a loss, for KTO. Out: segments.
 * - `generate`: T = tokens through the cache, for the rows `row` I32[slots] (−1: zeros) the logits F32[slots, V] and
 *   their argmax next I32[slots]. In: ids, cos, sin (and the local ones), slot I32[T] (−1: padding), position I32[T], row.
 *
 * A short micro-batch is padded: ids 0, segmentStart the row itself, trainedRow −1, target 0, lossWeight 0.
 */
export type ProgramKey =
  | { program: "begin" | "derive" | "pullback" | "optimise" | "observe" }
  | { program: "micro" | "evaluate" | "divergence"; trainedRows: number }
  | { program: "inputs"; block: number }
  | { program: "generate"; tokens: number };

/** Number of answers of preferences that R trained rows can belong to: each has at least one. Even, for pairs. */
export const answersOf = (trainedRows: number): number => 2 * Math.ceil(trainedRows / 2);

/** The work of one instruction: its arithmetic, and the bytes that it reads and writes at least. */
export interface Work {
  readonly op: string;
  /** Floating-point operations of its matrix products and attention. */
  readonly flops: number;
  readonly bytes: number;
  /** The type of the products' factors. */
  readonly type: "BF16" | "F32";
}

export interface Program {
  key: ProgramKey;
  readonly bytes: Uint8Array;
  /** Inputs and outputs by name, with their offsets in region io. */
  io: ReadonlyMap<string, IoTensor>;
  arenaBytes: number;
  /** Maximum scratch of its kernels, in addition to the regions. */
  scratch: Scratch;
  /** Floating-point operations of the matrix products and attention, for shares of peak. */
  flops: number;
  /** The work of each instruction, in order. */
  readonly work: readonly Work[];
}

/** Bytes [offset, offset + bytes) of region `state`: the optimiser's moments. */
export interface PagedState {
  readonly offset: number;
  readonly bytes: number;
  /** The most of them that one instruction touches. */
  readonly atOnce: number;
}

export interface Compiled {
  weights: readonly Weight[];
  state: readonly StateTensor[];
  stateBytes: number;
  /** On a GPU with `optimizer.paged`: the part of the state that lies in pages which move to the machine's memory. */
  readonly pagedState: PagedState | undefined;
  /** The largest io and arena of any program that this run can use; reading them builds all programs. */
  readonly ioBytes: number;
  readonly arenaBytes: number;
  /** The maximum scratch of any program, per thread and shared. */
  readonly scratch: Scratch;
  /** Buckets for R and T: the smallest program that holds them. */
  trainedRowBuckets: readonly number[];
  generateTokenBuckets: readonly number[];
  /** Elements of the base's tensors, trained or not; for a quantised one, its dequantised elements. */
  readonly baseParameters: number;
  /** The spec that was compiled. */
  readonly spec: CompileSpec;
  /** Whether the program `pullback` has nodes; if not, it need not run. */
  readonly pullsBack: boolean;
  /** The method's action before the first step. */
  readonly setup: Setup | undefined;
  /** The method's action after an update. */
  readonly afterStep: AfterStep | undefined;
  /** The first step of a run of `steps` whose parameters can be its result. */
  firstResult(steps: number): number;
  /** Positions that the method occupies before the first token of every segment. */
  readonly positionOffset: number;
  /** The model's linear layers, and the method's treatment of them. */
  sites: readonly SiteRecord[];
  /** The parameters of its experts, likewise; `in` and `out` are those of each expert. */
  expertParameters: readonly SiteRecord[];
  /** Its embeddings, likewise. */
  embeddings: readonly SiteRecord[];
  /** The program of a key; the same key gives the same bytes. */
  program(key: ProgramKey): Program;
}
