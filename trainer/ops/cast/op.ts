/** y = scale · x in the type of y; both have one shape. */
import { defineOp, type NodeBuilder } from "../../graph/op.ts";
import type { DataType, Tensor } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";

export const cast = defineOp({
  name: "cast",
  meaning: "y = scale·x in y's type",
  inputs: { x: "dense[*]" },
  outputs: { y: "dense[*]" },
  attributes: { scale: real },
  backward({ graph, operands: { x }, attributes: { scale }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (dy && wants("x")) contribute("x", { kind: "tensor", tensor: castTo(graph, dy, x.dtype, scale) });
  },
});

/** scale · x in another type; x itself if that changes nothing. */
export function castTo(graph: NodeBuilder, x: Tensor, dtype: DataType, scale = 1): Tensor {
  if (x.dtype === dtype && scale === 1) return x;
  const y = graph.activation("cast.y", { dtype, shape: x.shape });
  cast.into(graph, { x }, { scale }, { y });
  return y;
}
