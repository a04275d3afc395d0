/** dW += scale · dyᵀ·x, token chunks in order. dy [T, out] · x [T, in] · dW F32[out, in]. */
import { type Accumulator, type Contribution, defineOp, type NodeBuilder } from "../../graph/op.ts";
import { rowsOf, sumType, type Tensor, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { castTo } from "../cast/op.ts";
import { fill } from "../fill/op.ts";
import { gradientScratch } from "../scratch.ts";

export const gradWeight = defineOp({
  name: "gradWeight",
  meaning: "scale · dyᵀ·x, token chunks in order",
  inputs: { dy: "act[T,out]", x: "act[T,in]" },
  accumulates: { dW: "sum[out,in]" },
  outputs: {},
  attributes: { scale: real },
  flops: ({ dy, x }) => 2 * rowsOf(dy) * widthOf(dy) * widthOf(x),
  scratch: { cpu: () => gradientScratch },
});

/** A matrix of an op, as its backward rule finds it. */
interface MatrixAt<Name extends string> {
  readonly graph: NodeBuilder;
  accumulator(name: Name): Accumulator | undefined;
  wants(name: Name): boolean;
  contribute(name: Name, contribution: Contribution): void;
}

/** The gradient scale · dyᵀ·x of the matrix `w`: into its accumulator where it is a parameter, else where it is computed. */
export function gradientOf<Name extends string>(
  at: MatrixAt<Name>,
  [name, w]: readonly [Name, Tensor],
  { dy, x }: { readonly dy: Tensor; readonly x: Tensor },
  scale = 1,
): void {
  const { graph } = at;
  const into = at.accumulator(name);
  if (into) gradWeight.node(graph, { dy, x, dW: into.gradient }, { scale: into.scale * scale });
  else if (at.wants(name)) {
    const dW = graph.activation("gradWeight.dW", { dtype: sumType(dy), shape: w.shape });
    fill.into(graph, {}, { value: 0 }, { y: dW });
    gradWeight.node(graph, { dy, x, dW }, { scale });
    at.contribute(name, { kind: "tensor", tensor: castTo(graph, dW, w.dtype) });
  }
}
