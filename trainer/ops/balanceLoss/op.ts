/**
 * Load balancing of a router (ops/routerLoad): loss += coefficient · Σ weight[t] · E · Σ_e f_e · P_e over the examples, each in the
 * row t of its first token. f_e is the share of its tokens that chose expert e, over all routers of the model, P_e the mean of its
 * probability: topK where the load is even, and E · topK at most.                    Fedus et al. 2021, eq. 4 to 6
 *
 * dLoad is the gradient, in the second half of each row; the first has none. Rows of weight 0 have no part.
 * load [T, n], n = 2·E · weight F32[T] · loss F64[1] → dLoad [T, n].
 */
import { defineOp } from "../../graph/op.ts";
import { topK } from "../attributes.ts";

export const balanceLoss = defineOp({
  name: "balanceLoss",
  meaning: "coefficient · Σ weight[t] · E · Σ f·P of each example's load; f shares of its tokens, P mean probabilities",
  inputs: { load: "sum[T,n]", weight: "sum[T]" },
  accumulates: { loss: "f64[1]" },
  outputs: { dLoad: "sum[T,n]" },
  attributes: { topK, coefficient: { type: "f32", min: 0 } },
  isLoss: true,
  backward({ outputs: { dLoad }, contribute }) {
    contribute("load", { kind: "tensor", tensor: dLoad });
  },
});
