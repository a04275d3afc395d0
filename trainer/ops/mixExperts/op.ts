/**
 * Returns the experts' rows to their tokens: z[t] = Σ_j weights[t, j] · y[place[t·topK + j]] + residual[t], j in order; without
 * weights each counts once. y [P, d] · order, place i32[P] · weights [P/topK, topK] → z [P/topK, d].
 */
import { defineOp } from "../../graph/op.ts";
import { topK } from "../attributes.ts";
import { mixExpertsBackward } from "../mixExpertsBackward/op.ts";

export const mixExperts = defineOp({
  name: "mixExperts",
  meaning: "z[t] = Σ weights[t, j] · y[place[t·topK + j]] + residual[t], j in order",
  inputs: {
    y: "act[P,d]",
    order: "i32[P]",
    place: "i32[P]",
    "weights?": "sum[P/topK,topK]",
    "residual?": "act[P/topK,d]",
  },
  outputs: { z: "act[P/topK,d]" },
  attributes: { topK },
  indices: [
    { operand: "order", below: "P" },
    { operand: "place", below: "P" },
  ],
  cheap: true,
  backward({ graph, operands: { y, order, weights }, attributes, gradient, contribute }) {
    const dz = gradient("z");
    if (!dz) return;
    contribute("residual", { kind: "tensor", tensor: dz });
    // Without weights it is the gradient of gatherExperts, which nothing differentiates again.
    if (!weights) throw new Error("mixExperts has no backward without weights");
    const { dy, dWeights } = mixExpertsBackward.node(graph, { dz, y, order, weights }, attributes);
    contribute("y", { kind: "tensor", tensor: dy });
    contribute("weights", { kind: "tensor", tensor: dWeights });
  },
});
