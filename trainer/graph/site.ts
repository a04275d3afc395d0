/**
 * The seams between a model and a method: the model offers its layers, the method says what stands there. Both know this
 * file and not each other.
 */
import type { NodeBuilder } from "./op.ts";
import type { Initial, Tensor } from "./tensor.ts";

/** ((from·Aᵀ) ⊙ scale)·Bᵀ beside a matrix. a [r, in] · scale [r] · b [out, r]. */
export interface LowRank {
  readonly from: Tensor;
  readonly a: Tensor;
  readonly scale?: Tensor;
  readonly b: Tensor;
}

/** What may stand beside the model's own matrix: y = columnScale ⊙ (x·Wᵀ + lowRank) + bias. */
export interface Beside {
  readonly lowRank?: LowRank;
  /** [out] */
  readonly columnScale?: Tensor;
}

/** The model's own layer without its residual; what stands beside the matrix becomes part of the same op where it can. */
export type BaseLinear = (x: Tensor, beside?: Beside) => Tensor;

/** A parameter of a method. */
export interface Trained {
  /** What the optimiser changes, in F32. */
  readonly theta: Tensor;
  /** scale · θ in the activation type: what forward and backward read. */
  readonly phi: Tensor;
}

/** Where a value is computed from parameters and frozen weights, once a step. */
export interface Deriver {
  readonly graph: NodeBuilder;
  /** θ in the type that derivations compute in: F32, or F64 under the double reference. */
  read(theta: Tensor): Tensor;
}

/** A parameter that has been updated, with what it was updated by. */
export interface Updated {
  readonly theta: Tensor;
  readonly gradient: Tensor;
  /** [1]: clipping multiplied the gradient by this. */
  readonly clipFactor: Tensor;
}

export interface TrainableOptions {
  /** φ = scale · θ. Default 1. */
  readonly scale?: number;
  /** Times the learning rate of the run. Default 1. */
  readonly learningRateScale?: number;
  /** Whether weight decay acts on it. Default: on matrices. */
  readonly decays?: boolean;
}

/** What a method may declare at any layer; names are the layer's own. */
export interface Site {
  /** The checkpoint's own name without `.weight`. */
  readonly name: string;
  /** A parameter that the forward pass reads as φ. */
  trainable(name: string, shape: readonly number[], initial: Initial, options?: TrainableOptions): Trained;
  /** A parameter that derivations alone read. → θ */
  latent(name: string, shape: readonly number[], initial: Initial): Tensor;
  /**
   * A value made of parameters and frozen weights: computed once a step, read by every micro-batch; its gradient is pulled
   * back to the parameters once a step. `dtype`: that of sums (F32) or of activations.
   */
  derived(name: string, shape: readonly number[], dtype: "sum" | "activation", build: (at: Deriver) => Tensor): Tensor;
  /** Adds to the loss, once a step, a function of parameters; `count` is the number of penalties of the run. */
  penalty(build: (at: Deriver, loss: Tensor, count: number) => void): void;
  /** State of the method in F32, zero at first, that is checkpointed. */
  state(name: string, shape: readonly number[]): Tensor;
  /** Nodes of the program `observe`, which the method runs after an update. */
  observe(build: (graph: NodeBuilder, updated: (theta: Tensor) => Updated) => void): void;
}

export interface LinearSite extends Site {
  readonly in: number;
  readonly out: number;
  /** The base's matrix [out, in], as it is stored. */
  weight(): Tensor;
  /** Dropout with one mask per input tensor: layers that read the same x share it. Not active outside of training. */
  dropout(x: Tensor, p: number): Tensor;
}

/** An attention of the model: `prefix` of it is seen by every token. */
export interface AttentionSite extends Site {
  /** Width of keys and of values: heads · head width. */
  readonly width: number;
}

/** Keys and values [n, width] before every segment. */
export interface KeyValuePrefix {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** A running training as a method sees it between an update and the next step. */
export interface StepHost {
  /** Names of the parameters, or of the method's own state. */
  names(role: "parameter" | "method"): string[];
  /** A view: what is written there is the training's. */
  values(role: "parameter" | "method", name: string): Float32Array;
  /** Runs the program `observe`. */
  observe(): Promise<void>;
}

/** What a method does after update `step` of 1..`steps`. */
export type AfterStep = (host: StepHost, step: number, steps: number) => Promise<void>;

/** What a model asks of a method. */
export interface SiteRewriter {
  /** Whether a tensor of the base is itself trained. */
  trains(name: string): boolean;
  linear(site: LinearSite, x: Tensor, base: BaseLinear): Tensor;
  prefix(site: AttentionSite): KeyValuePrefix | undefined;
  /** Positions that a prefix takes. */
  readonly positionOffset: number;
}

/** What became of a site; for `plan --explain`. */
export interface SiteRecord {
  readonly name: string;
  readonly in: number;
  readonly out: number;
  /** Trained tensors beside the base's matrix. */
  readonly trained: readonly string[];
  /** Whether they are part of the same `linear` op. */
  readonly fused: boolean;
}
