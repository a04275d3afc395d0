/** Cases of matrix products and attention for measuring, with their operations. Pure. */
import type { DataType } from "../../trainer/graph/tensor.ts";
import { attention } from "../../trainer/ops/attention/op.ts";
import { attentionBackward } from "../../trainer/ops/attentionBackward/op.ts";
import { gradWeight } from "../../trainer/ops/gradWeight/op.ts";
import { linear } from "../../trainer/ops/linear/op.ts";
import { linearCrossEntropy } from "../../trainer/ops/linearCrossEntropy/op.ts";
import { linearInput } from "../../trainer/ops/linearInput/op.ts";
import { type OpCase, type TestOperand, uniform } from "../../trainer/testing/opCases.ts";

export type Activations = Extract<DataType, "F32" | "BF16">;

export interface Benchmark extends OpCase {
  readonly flops: number;
  /** The type of the products' factors. */
  readonly type: Activations;
}

const next = uniform(7);
/** Numbers in [−½, ½) that repeat; whole groups of NF4 blocks. */
const pattern = Array.from({ length: 16_384 }, () => next() - 0.5);

const filled = (dtype: DataType, shape: readonly number[]): TestOperand => ({ dtype, shape, pattern });

export interface Product {
  readonly type: Activations;
  readonly tokens: number;
  readonly out: number;
  readonly width: number;
  /** The weight in NF4 with double quantisation. */
  readonly quantized?: boolean;
  /** The rank of an update that shares the product's sums. */
  readonly rank?: number;
  readonly runs: number;
}

const shapeOf = ({ type, tokens, out, width, quantized, rank }: Product) =>
  `${type}${quantized ? " NF4" : ""} ${tokens}×${width}→${out}${rank ? ` rank ${rank}` : ""}`;

function weightOf({ type, out, width, quantized }: Product): TestOperand {
  const shape = [out, width];
  return quantized
    ? { dtype: "F32", shape, pattern, weight: true, nf4: "double" }
    : { ...filled(type, shape), weight: true };
}

/** x·wᵀ, with the low-rank update where there is a rank. */
export function forward(product: Product): Benchmark {
  const { type, tokens, out, width, rank = 0, runs } = product;
  const tail = rank > 0 && { tailX: filled(type, [tokens, rank]), tailW: filled(type, [out, rank]) };
  return {
    ...{ name: `linear ${shapeOf(product)}`, op: linear, attributes: { tailScale: 1 }, relative: 0, runs },
    operands: {
      x: filled(type, [tokens, width]),
      w: weightOf(product),
      ...tail,
      y: { dtype: type, shape: [tokens, out] },
    },
    type,
    flops: 2 * tokens * out * (width + rank),
  };
}

/** dy·w: the gradient of the input. */
export function backward(product: Product): Benchmark {
  const { type, tokens, out, width, runs } = product;
  return {
    ...{ name: `linearInput ${shapeOf(product)}`, op: linearInput, attributes: { tailScale: 1 }, relative: 0, runs },
    operands: { dy: filled(type, [tokens, out]), w: weightOf(product), dx: { dtype: type, shape: [tokens, width] } },
    type,
    flops: 2 * tokens * out * width,
  };
}

/** dyᵀ·x: the gradient of the weight. */
export function weightGradient(product: Product): Benchmark {
  const { type, tokens, out, width, runs } = product;
  return {
    ...{ name: `gradWeight ${shapeOf(product)}`, op: gradWeight, attributes: { scale: 1 }, relative: 0, runs },
    operands: {
      dy: filled(type, [tokens, out]),
      x: filled(type, [tokens, width]),
      dW: { dtype: "F32", shape: [out, width] },
    },
    type,
    flops: 2 * tokens * out * width,
  };
}

export interface Attention {
  readonly type: Activations;
  /** Packed examples, and the tokens of each. */
  readonly examples: number;
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly runs: number;
}

/** Both passes; operations are those below the diagonal. */
export function attentions({ type, examples, length, heads, kvHeads, headDim, runs }: Attention): Benchmark[] {
  const tokens = examples * length;
  const q = filled(type, [tokens, heads * headDim]);
  const k = filled(type, [tokens, kvHeads * headDim]);
  const starts = Array.from({ length: tokens }, (_, token) => token - (token % length));
  const segmentStart: TestOperand = { dtype: "I32", shape: [tokens], values: starts };
  // Near the log-sum-exp of scores around zero.
  const lse: TestOperand = { dtype: "F32", shape: [tokens, heads], pattern: [Math.log(length)] };
  const product = 2 * heads * headDim * examples * ((length * (length + 1)) / 2);
  const shape = `${type} ${examples}×${length}, ${heads} heads of ${headDim}`;
  const attributes = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) };
  const both = { attributes, relative: 0, runs, type };
  return [
    {
      ...{ ...both, name: `attention ${shape}`, op: attention, flops: 2 * product },
      operands: { q, k, v: k, segmentStart, o: q, lse },
    },
    {
      ...{ ...both, name: `attentionBackward ${shape}`, op: attentionBackward, flops: 5 * product },
      operands: { q, k, v: k, o: q, lse, dO: q, segmentStart, dq: q, dk: k, dv: k },
    },
  ];
}

/** Loss and gradient of the hidden states over a vocabulary of `out`. */
export function crossEntropy(product: Product): Benchmark {
  const { type, tokens, out, width, runs } = product;
  return {
    ...{
      name: `linearCrossEntropy ${shapeOf(product)} with dh`,
      op: linearCrossEntropy,
      attributes: {},
      relative: 0,
      runs,
    },
    operands: {
      h: filled(type, [tokens, width]),
      w: { ...filled(type, [out, width]), weight: true },
      target: { dtype: "I32", shape: [tokens], values: Array.from({ length: tokens }, (_, t) => (t * 7919) % out) },
      lossWeight: { dtype: "F32", shape: [tokens], pattern: [1 / tokens] },
      loss: { dtype: "F64", shape: [1] },
      nll: { dtype: "F32", shape: [tokens] },
      dh: { dtype: type, shape: [tokens, width] },
    },
    type,
    flops: 4 * tokens * out * width,
  };
}
