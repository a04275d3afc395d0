/** y[r] = x[index[r]], zeros where the index is −1. x [T, d] · index i32[R] → y [R, d]. */
import { defineOp } from "../../graph/op.ts";
import { scatterRows } from "../scatterRows/op.ts";
import { facts, like, matrix } from "../shapes.ts";

export const gatherRows = defineOp({
  name: "gatherRows",
  inputs: ["x", "index"],
  outputs: ["y"],
  infer({ x, index }) {
    const [, width] = matrix("gatherRows", "x", x);
    return { y: facts(x.dtype, index.shape[0] ?? 0, width) };
  },
  backward({ graph, operands: { x, index }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const dx = graph.activation("scatterRows.dx", like(x));
    scatterRows.into(graph, { dy, index }, {}, { dx });
    contribute("x", { kind: "tensor", tensor: dx });
  },
});
