/**
 * y[s] = scale[s] · Σ (x[r] − minus[r]) over the rows r of segment s, in double and in row order: the log-likelihood of an
 * answer, or its difference from a reference's. Rows of segment −1 count nowhere.
 * x, minus F32[R] · segment i32[R] · scale F32[S] → y F64[S].
 */
import { defineOp } from "../../graph/op.ts";
import { segmentSumBackward } from "../segmentSumBackward/op.ts";

export const segmentSum = defineOp({
  name: "segmentSum",
  meaning: "y[s] = scale[s] · Σ (x[r] − minus[r]) over the rows of segment s; rows of segment −1 are skipped",
  inputs: { x: "sum[R]", "minus?": "sum[R]", segment: "i32[R]", scale: "sum[S]" },
  outputs: { y: "f64[S]" },
  indices: [{ operand: "segment", below: "S", skips: true }],
  backward({ graph, operands: { x, segment, scale }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const dx = graph.activation("segmentSumBackward.dx", x);
    segmentSumBackward.into(graph, { dy, segment, scale }, {}, { dx });
    contribute("x", { kind: "tensor", tensor: dx });
  },
});
