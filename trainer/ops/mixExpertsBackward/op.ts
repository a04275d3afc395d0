/**
 * The gradients of `mixExperts` by weights: dy[p] = weights[order[p]] · dz[order[p] / topK], dWeights[order[p]] = dz · y[p].
 * dz [P/topK, d] · y [P, d] · order i32[P] · weights [P/topK, topK] → dy [P, d] · dWeights [P/topK, topK].
 */
import { defineOp } from "../../graph/op.ts";
import { topK } from "../attributes.ts";

export const mixExpertsBackward = defineOp({
  name: "mixExpertsBackward",
  meaning: "its gradients, row by row",
  inputs: { y: "act[P,d]", dz: "act[P/topK,d]", order: "i32[P]", weights: "sum[P/topK,topK]" },
  outputs: { dy: "act[P,d]", dWeights: "sum[P/topK,topK]" },
  attributes: { topK },
  indices: [{ operand: "order", below: "P" }],
  distinct: ["order"],
});
