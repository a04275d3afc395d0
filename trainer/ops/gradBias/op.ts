/** dBias += scale · Σ dy over the rows, in sums of 64 rows. dy [T, d] · dBias F32[d]. */
import { type Accumulator, defineOp, type NodeBuilder } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { lanes, roundUp, wordBytes } from "../scratch.ts";

export const gradBias = defineOp({
  name: "gradBias",
  meaning: "scale · Σ dy over the rows",
  inputs: { dy: "act[T,d]" },
  accumulates: { dBias: "sum[d]" },
  outputs: {},
  attributes: { scale: real },
  /** The sums of 64 rows each. */
  scratch: {
    cpu: ({ dy }) => ({ thread: 0, shared: wordBytes(Math.ceil(rowsOf(dy) / 64) * roundUp(widthOf(dy), lanes)) }),
  },
});

/** The backward pass of an added bias, if it trains. */
export function accumulateBias(graph: NodeBuilder, dy: Tensor, bias: Accumulator | undefined): void {
  if (bias) gradBias.node(graph, { dy, dBias: bias.gradient }, { scale: bias.scale });
}
