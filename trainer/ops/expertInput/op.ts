/**
 * The gradient of `expertLinear`'s input: dx[p] = dy[p]·w_e + add[p] for the rows p of expert e.
 * dy [P, out] · w E × [out, in] · add [P, in] → dx [P, in].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { experts } from "../attributes.ts";
import { expertScratch } from "../scratch.ts";

export const expertInput = defineOp({
  name: "expertInput",
  meaning: "dy[p]·w_e + add[p] for the rows p of each expert e",
  inputs: { dy: "act[P,out]", w: "weight[out,in]×experts", starts: "i32[experts+1]", "add?": "act[P,in]" },
  outputs: { dx: "act[P,in]" },
  attributes: { experts },
  indices: [{ operand: "starts", ascendsTo: "P" }],
  flops({ dy, w }) {
    const [out = 0, width = 0] = w.shape;
    return 2 * rowsOf(dy) * out * width;
  },
  scratch: { cpu: ({ dy }) => expertScratch(rowsOf(dy), widthOf(dy)) },
});
