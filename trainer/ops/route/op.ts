/**
 * Chooses experts: for each token the topK highest logits, the lower expert first among equals, with their softmax as
 * weights; then sorts the choices by expert. A choice s = token·topK + rank has row place[s] among the sorted rows, row p has
 * choice order[p], and the rows of expert e are starts[e] to starts[e + 1]. NaN counts as −∞.
 * logits [T, E] → weights [T, topK] · expert, order, place i32[T·topK] · starts i32[E + 1].
 */
import { defineOp } from "../../graph/op.ts";
import { expertChoices } from "../attributes.ts";
import { routeBackward } from "../routeBackward/op.ts";

export const route = defineOp({
  name: "route",
  meaning: "the topK experts of each token with their softmax (over all experts, or over these), sorted by expert",
  inputs: { logits: "act[T,E]" },
  outputs: {
    weights: "sum[T,topK]",
    expert: "i32[T*topK]",
    order: "i32[T*topK]",
    place: "i32[T*topK]",
    starts: "i32[E+1]",
  },
  attributes: expertChoices,
  cheap: true,
  backward({ graph, operands: { logits }, outputs: { weights, expert }, attributes, gradient, contribute }) {
    const dWeights = gradient("weights");
    if (!dWeights) return;
    const { dLogits } = routeBackward.node(graph, { logits, weights, expert, dWeights }, attributes);
    contribute("logits", { kind: "tensor", tensor: dLogits });
  },
});
