/** dW_e += scale · dyᵀ·x over the rows of each expert e. dy [P, out] · x [P, in] · dW E × F32[out, in]. */
import { type Accumulator, defineOp, type NodeBuilder } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { experts, real } from "../attributes.ts";
import { gradientScratch } from "../scratch.ts";

export const expertGradWeight = defineOp({
  name: "expertGradWeight",
  meaning: "scale · dyᵀ·x over the rows of each expert, in order",
  inputs: { dy: "act[P,out]", x: "act[P,in]", starts: "i32[experts+1]" },
  accumulates: { dW: "sum[out,in]×experts" },
  outputs: {},
  attributes: { experts, scale: real },
  indices: [{ operand: "starts", ascendsTo: "P" }],
  flops: ({ dy, x }) => 2 * rowsOf(dy) * widthOf(dy) * widthOf(x),
  scratch: { cpu: () => gradientScratch },
});

interface ExpertsAt<Name extends string> {
  readonly graph: NodeBuilder;
  accumulator(name: Name): Accumulator | undefined;
}

/** The gradients of the experts' matrices, if they are parameters. */
export function gradientOfExperts<Name extends string>(
  at: ExpertsAt<Name>,
  name: Name,
  operands: { readonly dy: Tensor; readonly x: Tensor; readonly starts: Tensor },
  { experts: count }: { readonly experts: number },
): void {
  const into = at.accumulator(name);
  if (into) expertGradWeight.node(at.graph, { ...operands, dW: into.gradient }, { experts: count, scale: into.scale });
}
