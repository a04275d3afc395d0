/** y = scale · x in the type of y, of one shape. */
import { defineOp, type NodeBuilder } from "../../graph/op.ts";
import type { DataType, Tensor } from "../../graph/tensor.ts";

export const cast = defineOp({
  name: "cast",
  inputs: ["x"],
  outputs: ["y"],
  attributes: { scale: "f32" },
  infer: () => ({}),
  backward({ graph, operands: { x }, attributes: { scale }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (dy && wants("x")) contribute("x", { kind: "tensor", tensor: castTo(graph, dy, x.dtype, scale) });
  },
});

/** scale · x in another type; x itself where that changes nothing. */
export function castTo(graph: NodeBuilder, x: Tensor, dtype: DataType, scale = 1): Tensor {
  if (x.dtype === dtype && scale === 1) return x;
  const y = graph.activation("cast.y", { dtype, shape: x.shape });
  cast.into(graph, { x }, { scale }, { y });
  return y;
}
