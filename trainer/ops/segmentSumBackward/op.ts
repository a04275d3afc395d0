/** dx[r] = scale[s] · dy[s] for the rows r of segment s, 0 for rows of segment −1. dy F64[S] · scale F32[S] → dx F32[R]. */
import { defineOp } from "../../graph/op.ts";

export const segmentSumBackward = defineOp({
  name: "segmentSumBackward",
  meaning: "dx[r] = scale[s] · dy[s] of the row's segment s; 0 for segment −1",
  inputs: { dy: "f64[S]", segment: "i32[R]", scale: "sum[S]" },
  outputs: { dx: "sum[R]" },
  indices: [{ operand: "segment", below: "S", skips: true }],
});
