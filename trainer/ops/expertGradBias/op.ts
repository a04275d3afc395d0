/** dBias[e] += scale · Σ dy over the rows of each expert e, in order. dy [P, out] · dBias F32[E, out]. */
import { type Accumulator, defineOp, type NodeBuilder } from "../../graph/op.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { experts, real } from "../attributes.ts";

export const expertGradBias = defineOp({
  name: "expertGradBias",
  meaning: "scale · Σ dy over the rows of each expert",
  inputs: { dy: "act[P,out]", starts: "i32[experts+1]" },
  accumulates: { dBias: "sum[experts,out]" },
  outputs: {},
  attributes: { experts, scale: real },
  indices: [{ operand: "starts", ascendsTo: "P" }],
});

/** The gradient of the experts' biases, if they train. */
export function accumulateExpertBias(
  graph: NodeBuilder,
  operands: { readonly dy: Tensor; readonly starts: Tensor },
  into: Accumulator | undefined,
  { experts: count }: { readonly experts: number },
): void {
  if (into) expertGradBias.node(graph, { ...operands, dBias: into.gradient }, { experts: count, scale: into.scale });
}
