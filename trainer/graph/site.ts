/**
 * A linear layer as the seam between a model and a method: the model offers it, the method says what stands there. Both
 * know this file and not each other.
 */
import type { Initial, Tensor } from "./tensor.ts";

/** y = x·Wᵀ + from·Aᵀ·Bᵀ. a [r, in] · b [out, r]. */
export interface LowRank {
  readonly from: Tensor;
  readonly a: Tensor;
  readonly b: Tensor;
}

/** The model's own layer; what stands beside the matrix becomes part of the same op. */
export type BaseLinear = (x: Tensor, beside?: { lowRank?: LowRank }) => Tensor;

export interface LinearSite {
  /** The checkpoint's own name without `.weight`. */
  readonly name: string;
  readonly in: number;
  readonly out: number;
  /** scale · θ, for a trained θ named `<site>.<name>`. */
  trainable(name: string, shape: readonly number[], initial: Initial, scale?: number): Tensor;
  /** Dropout with one mask per input tensor: layers that read the same x share it. Not active outside of training. */
  dropout(x: Tensor, p: number): Tensor;
}

/** What a model asks of a method. */
export interface SiteRewriter {
  /** Whether a tensor of the base is itself trained. */
  trains(name: string): boolean;
  linear(site: LinearSite, x: Tensor, base: BaseLinear): Tensor;
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
