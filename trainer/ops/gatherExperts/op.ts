/** The tokens of each expert, one after another: y[p] = x[order[p] / topK].   x [T, d] → y [T·topK, d], as `route` sorts. */
import { defineOp } from "../../graph/op.ts";
import { topK } from "../attributes.ts";
import { mixExperts } from "../mixExperts/op.ts";

export const gatherExperts = defineOp({
  name: "gatherExperts",
  meaning: "y[p] = x[order[p] / topK], rounded down",
  inputs: { x: "act[T,d]", order: "i32[T*topK]", place: "i32[T*topK]" },
  outputs: { y: "act[T*topK,d]" },
  attributes: { topK },
  indices: [{ operand: "order", below: "T*topK" }],
  cheap: true,
  backward({ graph, operands: { order, place }, attributes, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const dx = mixExperts.node(graph, { y: dy, order, place }, attributes).z;
    contribute("x", { kind: "tensor", tensor: dx });
  },
});
