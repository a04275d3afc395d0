/**
 * MLP(LSTM(E)) with E [n, d], two bidirectional layers of h units each, and a head 2h → 2h → d with ReLU between.
 *                                                                                    Liu et al. 2021, §3.2
 * A layer that reads both directions multiplies each by a matrix of its own; PyTorch has one matrix for [h₊; h₋].
 */

import type { NodeBuilder } from "../../graph/op.ts";
import type { EmbeddingSite } from "../../graph/site.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { lstm } from "../../ops/lstm/op.ts";
import { relu } from "../../ops/relu/op.ts";
import {
  affine,
  type Encoder,
  embedding,
  embeddings,
  hostAffine,
  hostRelu,
  type ParameterValues,
  parametersOf,
} from "./layers.ts";

/** PyTorch's suffixes of the two directions' parameters, and of our halves of a matrix that reads both. */
const directions = [
  { suffix: "", half: ".forward", reverse: 0 },
  { suffix: "_reverse", half: ".backward", reverse: 1 },
] as const;
const layers = [0, 1] as const;
const halves = directions.map(({ half }) => half);

/** The names of an LSTM's parameters. */
const namesOf = (layer: number, suffix: string) => ({
  input: `lstm_head.weight_ih_l${layer}${suffix}`,
  hidden: `lstm_head.weight_hh_l${layer}${suffix}`,
  biases: [`lstm_head.bias_ih_l${layer}${suffix}`, `lstm_head.bias_hh_l${layer}${suffix}`] as const,
});
const [firstHead, lastHead] = ["mlp_head.0", "mlp_head.2"] as const;

export const lstmEncoder: Encoder = {
  prompt(site, tokens, hidden) {
    const theta = embeddings(site, tokens);
    const cells = layers.map((layer) => directions.map(({ suffix }) => cellOf(site, layer, suffix, hidden)));
    const { matrix, bias } = parametersOf(site, 2 * hidden);
    const first = halves.map((half) => matrix(`${firstHead}.weight${half}`, 2 * hidden, hidden));
    const firstBias = bias(`${firstHead}.bias`, 2 * hidden);
    const last = matrix(`${lastHead}.weight`, site.width, 2 * hidden);
    const lastBias = bias(`${lastHead}.bias`, site.width);
    return ({ graph, read }) => {
      const both = cells.reduce(
        (from: readonly Tensor[], layer) =>
          layer.map((cell, index) => states(graph, from, cell, directions[index]!.reverse, read)),
        [read(theta)],
      );
      const inner = affine(graph, parts(both, first.map(read)), [read(firstBias)]);
      return affine(graph, [{ x: relu.node(graph, { x: inner }, {}).y, w: read(last) }], [read(lastBias)]);
    };
  },
  encoded(parameter, tokens) {
    const both = layers.reduce(
      (from: readonly Float32Array[], layer) =>
        directions.map(({ suffix, reverse }) => hostStates(from, namesOf(layer, suffix), reverse, parameter, tokens)),
      [parameter(embedding)],
    );
    const inner = hostSum(both, `${firstHead}.weight`, parameter(`${firstHead}.bias`), parameter, tokens);
    return hostAffine(hostRelu(inner), parameter(`${lastHead}.weight`), parameter(`${lastHead}.bias`), tokens);
  },
};

interface Cell {
  /** For the embeddings, or for each direction of the layer below. */
  readonly inputs: readonly Tensor[];
  readonly hidden: Tensor;
  readonly biases: readonly [Tensor, Tensor];
}

function cellOf(site: EmbeddingSite, layer: number, suffix: string, width: number): Cell {
  const { matrix, bias } = parametersOf(site, width);
  const { input, hidden, biases } = namesOf(layer, suffix);
  return {
    inputs:
      layer === 0
        ? [matrix(input, 4 * width, site.width)]
        : halves.map((half) => matrix(`${input}${half}`, 4 * width, width)),
    hidden: matrix(hidden, 4 * width, width),
    biases: [bias(biases[0], 4 * width), bias(biases[1], 4 * width)],
  };
}

function parts(from: readonly Tensor[], weights: readonly Tensor[]) {
  const [first, second] = from.map((x, index) => ({ x, w: weights[index]! }));
  return [first!, second] as const;
}

/** The hidden states of one direction. [n, h] */
function states(
  graph: NodeBuilder,
  from: readonly Tensor[],
  { inputs, hidden, biases: [input, other] }: Cell,
  reverse: 0 | 1,
  read: (theta: Tensor) => Tensor,
): Tensor {
  const x = affine(graph, parts(from, inputs.map(read)), [read(input), read(other)]);
  const w = read(hidden);
  return lstm.node(graph, { x, w }, { width: w.shape[1] ?? 1, reverse }).y;
}

/** Σ x·wᵀ of the parts + bias. */
function hostSum(
  from: readonly Float32Array[],
  name: string,
  bias: Float32Array,
  parameter: ParameterValues,
  rows: number,
): Float32Array {
  const [only] = from;
  if (from.length === 1) return hostAffine(only!, parameter(name), bias, rows);
  const none = new Float32Array(bias.length);
  const [a, b] = from.map((x, index) =>
    hostAffine(x, parameter(`${name}${halves[index]}`), index === 0 ? bias : none, rows),
  );
  return a!.map((value, index) => value + b![index]!);
}

/** The recurrence of `trainer/ops/lstm`. */
function hostStates(
  from: readonly Float32Array[],
  { input, hidden, biases }: ReturnType<typeof namesOf>,
  reverse: 0 | 1,
  parameter: ParameterValues,
  rows: number,
): Float32Array {
  const [first, second] = [parameter(biases[0]), parameter(biases[1])];
  const x = hostSum(
    from,
    input,
    first.map((value, index) => value + second[index]!),
    parameter,
    rows,
  );
  const [width, w] = [first.length / 4, parameter(hidden)];
  const y = new Float32Array(rows * width);
  let [h, c] = [new Float32Array(width), new Float32Array(width)];
  for (let step = 0; step < rows; step++) {
    const t = reverse === 1 ? rows - 1 - step : step;
    const sums = hostAffine(h, w, x.subarray(t * 4 * width, (t + 1) * 4 * width), 1);
    const gate = (part: number, k: number) => sigmoid(sums[part * width + k]!);
    c = c.map((cell, k) => gate(1, k) * cell + gate(0, k) * Math.tanh(sums[2 * width + k]!));
    h = c.map((cell, k) => gate(3, k) * Math.tanh(cell));
    y.set(h, t * width);
  }
  return y;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
