/**
 * A router's load by example, for the loss that balances it: in the row of an example's first token how many of its tokens chose
 * each expert, then the sum of each expert's probabilities (the softmax over all experts) over its tokens; added to `before`, the
 * load of the routers below. Other rows are those of `before`, or zero. The counts have no gradient.
 *                                                                                     Fedus et al. 2021, eq. 5 and 6
 * logits [T, E] · expert i32[T·topK] · segmentStart i32[T] · before, load [T, 2·E].
 */
import { defineOp } from "../../graph/op.ts";
import { topK } from "../attributes.ts";
import { routerLoadBackward } from "../routerLoadBackward/op.ts";

export const routerLoad = defineOp({
  name: "routerLoad",
  meaning: "before + in the row of each example's first token: choices of each expert, sums of its probabilities",
  inputs: {
    logits: "act[T,E]",
    expert: "i32[T*topK]",
    segmentStart: "i32[T]",
    "before?": "sum[T,2*E]",
  },
  outputs: { load: "sum[T,2*E]" },
  attributes: { topK },
  indices: [
    { operand: "expert", below: "E" },
    { operand: "segmentStart", upTo: "ownRow" },
  ],
  inPlace: [["load", "before"]],
  backward({ graph, operands: { logits, segmentStart }, gradient, wants, contribute }) {
    const dLoad = gradient("load");
    if (!dLoad) return;
    contribute("before", { kind: "tensor", tensor: dLoad });
    if (!wants("logits")) return;
    const { dLogits } = routerLoadBackward.node(graph, { logits, segmentStart, dLoad }, {});
    contribute("logits", { kind: "tensor", tensor: dLogits });
  },
});
