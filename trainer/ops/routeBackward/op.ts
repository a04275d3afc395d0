/**
 * The gradient of the logits from that of the chosen experts' weights; the choice itself has none.
 * logits [T, E] · weights, dWeights [T, topK] · expert i32[T·topK] → dLogits [T, E].
 */
import { defineOp } from "../../graph/op.ts";
import { expertChoices } from "../attributes.ts";

export const routeBackward = defineOp({
  name: "routeBackward",
  meaning: "its gradient through the softmax",
  inputs: { logits: "act[T,E]", weights: "sum[T,topK]", expert: "i32[T*topK]", dWeights: "sum[T,topK]" },
  outputs: { dLogits: "act[T,E]" },
  attributes: expertChoices,
  indices: [{ operand: "expert", below: "E" }],
});
