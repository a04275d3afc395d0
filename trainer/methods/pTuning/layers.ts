/** The linear layers of P-tuning's encoders: their parameters, their ops once per step, and the same on the host. */

import type { NodeBuilder } from "../../graph/op.ts";
import type { EmbeddingSite, Prompt } from "../../graph/site.ts";
import { type Initial, rowsOf, type Tensor } from "../../graph/tensor.ts";
import { fill } from "../../ops/fill/op.ts";
import { linear } from "../../ops/linear/op.ts";

/** A network that gives the embeddings of a prompt. */
export interface Encoder {
  /** Declares the parameters. */
  prompt(site: EmbeddingSite, tokens: number, hidden: number): Prompt;
  /** The embeddings [n, d] that the adapter holds, computed on the host. */
  encoded(parameter: ParameterValues, tokens: number): Float32Array;
}

/** Declares parameters that start as PyTorch's do: uniform within 1/√`from`, weights and biases alike. */
export const parametersOf = (site: EmbeddingSite, from: number) => {
  const start: Initial = { kind: "kaimingUniform", a: Math.sqrt(5), fanIn: from };
  return {
    matrix: (name: string, out: number, columns: number) => site.latent(name, [out, columns], start),
    /** A matrix of one column. */
    bias: (name: string, out: number) => site.latent(name, [out, 1], start, { decays: false }),
  };
};

/** The trained embeddings [n, width] that an encoder reads. */
export const embeddings = (site: EmbeddingSite, tokens: number): Tensor =>
  site.latent(embedding, [tokens, site.width], { kind: "normal", deviation: 1 });

export const embedding = "embedding";

/** A part of a layer's input and the columns of its matrix for it. */
export interface Part {
  readonly x: Tensor;
  readonly w: Tensor;
}

/** x·wᵀ of one or two parts, plus one or two biases. */
export function affine(
  graph: NodeBuilder,
  [first, second]: readonly [Part, (Part | undefined)?],
  [bias, other]: readonly [Tensor, Tensor?],
): Tensor {
  const { dtype } = first.x;
  const ones = graph.activation("ones", { dtype, shape: [rowsOf(first.x), 1] });
  fill.into(graph, {}, { value: 1 }, { y: ones });
  const beside = other && { tailX: ones, tailW: other };
  if (!second && !beside) return linear.node(graph, { ...first, tailX: ones, tailW: bias }, { tailScale: 1 }).y;
  const residual = linear.node(graph, { x: ones, w: bias, ...beside }, { tailScale: 1 }).y;
  const tail = second && { tailX: second.x, tailW: second.w };
  return linear.node(graph, { ...first, ...tail, residual }, { tailScale: 1 }).y;
}

/** The parameters of a finished training by their names beside the embedding. */
export type ParameterValues = (name: string) => Float32Array;

/** x·wᵀ + bias on the host, summed in double. */
export function hostAffine(x: Float32Array, w: Float32Array, bias: Float32Array, rows: number): Float32Array {
  const [width, out] = [x.length / rows, bias.length];
  return Float32Array.from({ length: rows * out }, (_, index) => {
    const [row, column] = [Math.floor(index / out), index % out];
    let sum = bias[column]!;
    for (let k = 0; k < width; k++) sum += x[row * width + k]! * w[column * width + k]!;
    return sum;
  });
}

export const hostRelu = (x: Float32Array): Float32Array => x.map((value) => Math.max(value, 0));
