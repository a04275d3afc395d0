/**
 * The gradient of the logits from that of the summed probabilities: p ⊙ (g − Σ p·g) of each token, g the second half of its
 * example's row of dLoad. logits [T, E] · segmentStart i32[T] · dLoad [T, 2·E] → dLogits [T, E].
 */
import { defineOp } from "../../graph/op.ts";

export const routerLoadBackward = defineOp({
  name: "routerLoadBackward",
  meaning: "its gradient through the softmax",
  inputs: { logits: "act[T,E]", segmentStart: "i32[T]", dLoad: "sum[T,2*E]" },
  outputs: { dLogits: "act[T,E]" },
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
});
