/** y[r] = x[index[r]], zeros if the index is −1. x [T, d] · index i32[R] → y [R, d]. */
import { defineOp } from "../../graph/op.ts";
import { scatterRows } from "../scatterRows/op.ts";

export const gatherRows = defineOp({
  name: "gatherRows",
  meaning: "y[r] = x[index[r]]; index −1 gives zeros",
  inputs: { x: "act[T,d]", index: "i32[R]" },
  outputs: { y: "act[R,d]" },
  indices: [{ operand: "index", below: "T", skips: true }],
  sparse: { x: "index" },
  backward({ graph, operands: { x, index }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const dx = graph.activation("scatterRows.dx", x);
    scatterRows.into(graph, { dy, index }, {}, { dx });
    contribute("x", { kind: "tensor", tensor: dx });
  },
});
