/**
 * The gradient of attention's sinks: a head's sink takes p = exp(sink − lse) of the softmax and adds no value, so
 * dSinks[h] −= scale · Σ p · (dO·o) over the rows, in order.
 * o, dO [T, H·D] · lse [T, H] · sinks [H] · dSinks F32[H].
 */
import { type Accumulator, defineOp, type NodeBuilder } from "../../graph/op.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { real, size } from "../attributes.ts";

export const sinkGradient = defineOp({
  name: "sinkGradient",
  meaning: "−scale · Σ exp(sink − lse) · (dO·o) over the rows of each head",
  inputs: {
    o: "act[T,heads*headDim]",
    lse: "sum[T,heads]",
    dO: "act[T,heads*headDim]",
    sinks: "dense[heads]",
  },
  accumulates: { dSinks: "sum[heads]" },
  outputs: {},
  attributes: { heads: size, headDim: size, scale: real },
});

interface SinkOperands {
  readonly o: Tensor;
  readonly lse: Tensor;
  readonly dO: Tensor;
  readonly sinks: Tensor | undefined;
}

/** The part of attention's backward pass that belongs to its sinks, if they train. */
export function accumulateSinks(
  graph: NodeBuilder,
  { sinks, ...operands }: SinkOperands,
  into: Accumulator | undefined,
  { heads, headDim }: { readonly heads: number; readonly headDim: number },
): void {
  if (!sinks || !into) return;
  sinkGradient.node(graph, { ...operands, sinks, dSinks: into.gradient }, { heads, headDim, scale: into.scale });
}
