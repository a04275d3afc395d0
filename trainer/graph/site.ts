/**
 * The interface between a model and a method: the model offers its layers as sites, the method decides what to add
 * there. Both depend on this file, not on each other.
 */
import type { NodeBuilder } from "./op.ts";
import type { Initial, Tensor } from "./tensor.ts";

/** ((from·Aᵀ) ⊙ scale)·Bᵀ beside a matrix. a [r, in] · scale [r], or [T, r] for each token · b [out, r]. */
export interface LowRank {
  readonly from: Tensor;
  readonly a: Tensor;
  readonly scale?: Tensor;
  readonly b: Tensor;
}

/** Additions to the model's own matrix: y = columnScale ⊙ (x·Wᵀ + lowRank) + bias. */
export interface Beside {
  readonly lowRank?: LowRank;
  /** [out] */
  readonly columnScale?: Tensor;
}

/** The model's own layer without its residual; additions become part of the same op where possible. */
export type BaseLinear = (x: Tensor, beside?: Beside) => Tensor;

/** A parameter of a method. */
export interface Trained {
  /** The values that the optimiser changes, in F32. */
  readonly theta: Tensor;
  /** scale · θ in the activation type, for the forward and backward pass. */
  readonly phi: Tensor;
}

/** Adds the ops of a method to a program: to a micro-batch, or to what is computed once per step. */
export interface Deriver {
  readonly graph: NodeBuilder;
  /** θ in the type of sums: F32, or F64 under the double reference. */
  read(theta: Tensor): Tensor;
}

/** Computes a value once per step. */
export interface StepDeriver extends Deriver {
  /** Keys and values of the method's prompt in a layer of the model. */
  prompt(layer: number): KeyValuePrefix;
}

/** An updated parameter with the terms of its update. */
export interface Updated {
  readonly theta: Tensor;
  readonly gradient: Tensor;
  /** [1]: clipping multiplied the gradient by this. */
  readonly clipFactor: Tensor;
}

export interface LatentOptions {
  /** Times the learning rate of the run. Default 1. */
  readonly learningRateScale?: number;
  /** Whether weight decay applies to it. Default: for matrices. */
  readonly decays?: boolean;
  /** State of the method that its gradient is multiplied with, element by element, before an update. */
  readonly gradientMask?: Tensor;
}

export interface TrainableOptions extends LatentOptions {
  /** φ = scale · θ. Default 1. */
  readonly scale?: number;
}

/** The declarations that a method may make at any layer; names are local to the layer. */
export interface Site {
  /** The checkpoint's own name without `.weight`. */
  readonly name: string;
  /** A parameter that the forward pass reads as φ. */
  trainable(name: string, shape: readonly number[], initial: Initial, options?: TrainableOptions): Trained;
  /** A parameter without φ: ops read θ itself, in F32. → θ */
  latent(name: string, shape: readonly number[], initial: Initial, options?: LatentOptions): Tensor;
  /** The same for a parameter of the whole model, whose name is not local: every site that asks for it gets the same. */
  shared(name: string, shape: readonly number[], initial: Initial, options?: LatentOptions): Tensor;
  /** The program that is being built, for ops of the method's own. */
  readonly here: Deriver;
  /**
   * A value derived from parameters and frozen weights: computed once per step and read by every micro-batch; its
   * gradient is pulled back to the parameters once per step. `dtype`: that of sums (F32) or of activations.
   */
  derived(
    name: string,
    shape: readonly number[],
    dtype: "sum" | "activation",
    build: (at: StepDeriver) => Tensor,
  ): Tensor;
  /** Adds a function of parameters to the loss, once per step; `count` is the number of penalties of the run. */
  penalty(build: (at: Deriver, loss: Tensor, count: number) => void): void;
  /** Checkpointed state of the method in F32, initially zero. */
  state(name: string, shape: readonly number[]): Tensor;
  /** Nodes of the program `observe`, which the method runs after an update. */
  observe(build: (graph: NodeBuilder, updated: (theta: Tensor) => Updated) => void): void;
}

/** The updates that prepare put into the base at a layer, those of one adapter behind those of the one before. */
export interface GivenUpdates {
  /** [r, in] and [out, r], r the sum of the adapters' ranks. */
  readonly a: Tensor;
  readonly b: Tensor;
  /** The rank of each adapter. */
  readonly ranks: readonly number[];
  /** The number of this layer among the `places` adapted ones. */
  readonly place: number;
  readonly places: number;
}

export interface LinearSite extends Site {
  readonly in: number;
  readonly out: number;
  /** The base's matrix [out, in], as it is stored. */
  weight(): Tensor;
  /** Subtracts scale·B·A of the initial A and B from the base's matrix and stores the rest in the matrix's type; not in NF4. */
  subtractProduct(a: Trained, b: Trained, scale: number): void;
  /** Dropout with one mask per input tensor: layers that read the same x share it. Not active outside of training. */
  dropout(x: Tensor, p: number): Tensor;
  /** Among the model's linear layers, from 0. */
  readonly number: number;
  /** False where a finished result runs. A training's validation and generation have its parameters too. */
  readonly isTraining: boolean;
  /** u32[2] = (seed, step), the key of a training step's random numbers; undefined in validation and generation. */
  readonly rngKey: Tensor | undefined;
  /** The adapters in the base at this layer; undefined if there are none. */
  given(): GivenUpdates | undefined;
  /** The method's value of `context`; undefined in the first pass. */
  readonly context: Tensor | undefined;
}

/** The states of the model's first pass, from which a method computes what its second pass needs. */
export interface ContextSite extends Site {
  /** The ranks of the adapters in the base, and the number of the layers that they adapt. */
  readonly ranks: readonly number[];
  readonly places: number;
  /** As that of a linear layer. */
  dropout(x: Tensor, p: number): Tensor;
}

/** The matrices of all experts of a layer as transformers' parameter of this name holds them: each expert's, one above the other. */
export interface ExpertSite extends Site {
  readonly experts: number;
  /** The columns and rows of each expert. */
  readonly in: number;
  readonly out: number;
}

/** Beside each expert's matrix B·A. a [experts, r, in] · b [experts, out, r]. */
export interface ExpertLowRank {
  readonly a: Trained;
  readonly b: Trained;
}

/** Beside an embedding: a[ids]·Bᵀ. a [V, r] · b [d, r]. */
export interface LowRankTable {
  readonly a: Tensor;
  readonly b: Tensor;
}

/** The rows of the model's own embedding for its tokens. */
export type BaseEmbedding = (beside?: LowRankTable) => Tensor;

export interface EmbeddingSite extends Site {
  readonly vocabulary: number;
  readonly width: number;
  /** The model multiplies the embeddings of tokens, but not those of a prompt, by this. */
  readonly factor: number;
}

/** An attention of the model; every token attends to its `prefix`. */
export interface AttentionSite extends Site {
  /** Width of keys and of values: heads · head width. */
  readonly width: number;
}

/** A branch of a block: attention (`<block>.self_attn`) or feed-forward (`<block>.mlp`). */
export interface BranchSite extends Site {
  /** Width of the block's state. */
  readonly width: number;
  /** As that of a linear layer. */
  dropout(x: Tensor, p: number): Tensor;
}

/** The state of a block at the end of a branch. All [T, width]. */
export interface BranchEnd {
  /** The result of the branch's last layer, before the model norms or scales it and adds it to `input`. */
  readonly output: Tensor;
  /** The block's state before the branch. */
  readonly input: Tensor;
  /** Adds the ops of output + input, normed where the model norms the ends of its branches. */
  sum(): Tensor;
}

/** The name of trained rows behind that of their embedding or head, as in PEFT's files. [n, d] */
export const trainedRowsName = "token_adapter.trainable_tokens_delta";

/** Adds the embeddings [n, width] of a prompt, in the type of sums. */
export type Prompt = (at: Deriver) => Tensor;

/** Keys and values [n, width] before every segment. */
export interface KeyValuePrefix {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** The interface of a running training for a method, between an update and the next step. */
export interface StepHost {
  /** Names of the parameters, or of the method's own state. */
  names(role: "parameter" | "method"): string[];
  /** A view: writes change the training's values. */
  values(role: "parameter" | "method", name: string): Float32Array;
  /** Runs the program `observe`. */
  observe(): Promise<void>;
}

/** Inputs [rows, width] of the linear layers that share them, on trained tokens. */
export interface LayerInputs {
  readonly sites: readonly string[];
  readonly values: Float32Array;
  readonly rows: number;
  readonly width: number;
}

/** The figures that determine the memory of a method's pass before the first step. */
export interface SetupFacts {
  /** Number of the model's layers. */
  readonly blocks: number;
  /** The inputs of the last block's linear layers. */
  readonly inputs: readonly Pick<LayerInputs, "sites" | "width">[];
  /** The most tokens of a batch. */
  readonly tokens: number;
}

/** The interface of a training for a method before the first step; everything depends on the data and the seed alone. */
export interface SetupHost extends StepHost {
  /** Number of batches. A batch has as many rows as a step, in the order of the data. Later numbers start again from 0. */
  readonly batches: number;
  /** Number of the model's layers. */
  readonly blocks: number;
  /** Number of a batch's trained tokens. */
  trainedTokens(batch: number): number;
  /** The inputs of a block's linear layers on a batch. Needs `readsInputs`. Runs all blocks below. */
  inputs(batch: number, block: number): Promise<readonly LayerInputs[]>;
  /** Number of examples of the training data. */
  readonly examples: number;
  /** Leaves the gradient of the loss of one example, summed over its trained tokens, as that of a step. */
  differentiate(example: number): Promise<void>;
  /** Σ values[k] · left[k]·right[k]ᵀ of a matrix's largest singular values: right [rank, columns]. */
  principal(
    values: Float32Array,
    rows: number,
    columns: number,
    rank: number,
  ): Promise<{ readonly values: Float64Array; readonly right: Float64Array }>;
}

/** A method's action before the first step: it sets parameters and its own state. */
export type Setup = (host: SetupHost) => Promise<void>;

/** A method's action after update `step` of 1..`steps`. */
export type AfterStep = (host: StepHost, step: number, steps: number) => Promise<void>;

/** The operations that a model requests from a method. */
export interface SiteRewriter {
  /** Whether a tensor of the base is itself trained. */
  trains(name: string): boolean;
  /** The rows of an embedding or a head that are trained; the others stay frozen. */
  trainedRows(name: string): readonly number[];
  linear(site: LinearSite, x: Tensor, base: BaseLinear): Tensor;
  /** The low-rank update beside a parameter of experts; undefined: none. */
  experts(site: ExpertSite): ExpertLowRank | undefined;
  embedding(site: EmbeddingSite, base: BaseEmbedding): Tensor;
  /**
   * If present, the model runs twice: first with `context` undefined at every site and without gradients, then with this
   * function of the first pass's normed states [T, width].
   */
  readonly context?: ((site: ContextSite, states: Tensor) => Tensor) | undefined;
  /** The output of a branch. */
  branch(site: BranchSite, end: BranchEnd): Tensor;
  prefix(site: AttentionSite): KeyValuePrefix | undefined;
  /** Embeddings that every segment sees as tokens before its own; n is `positionOffset`. */
  prompt(site: EmbeddingSite): Prompt | undefined;
  /** Number of positions of a prefix or a prompt. */
  readonly positionOffset: number;
}

/** The method's treatment of a site, for `plan --explain`. */
export interface SiteRecord {
  readonly name: string;
  readonly in: number;
  readonly out: number;
  /** Trained tensors beside the base's matrix. */
  readonly trained: readonly string[];
  /** Whether they are part of the same `linear` op. */
  readonly fused: boolean;
}
