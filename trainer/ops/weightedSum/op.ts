/** loss += Σ weight[r] · x[r], in double and in row order. x, weight F32[R] · loss F64[1]. */
import { defineOp } from "../../graph/op.ts";
import { castTo } from "../cast/op.ts";

export const weightedSum = defineOp({
  name: "weightedSum",
  meaning: "Σ weight·x",
  inputs: { x: "sum[R]", weight: "sum[R]" },
  accumulates: { loss: "f64[1]" },
  outputs: {},
  isLoss: true,
  backward({ graph, operands: { x, weight }, contribute }) {
    contribute("x", { kind: "tensor", tensor: castTo(graph, weight, x.dtype) });
  },
});
