/** dx = sum, with dy added to its columns [before, before + width); without a sum the other columns are 0. */
import { defineOp } from "../../graph/op.ts";
import { sliceAttributes } from "../attributes.ts";

export const sliceColumnsBackward = defineOp({
  name: "sliceColumnsBackward",
  meaning: "sum, and dy in the columns [before, before + width); dx may be sum",
  inputs: { dy: "act[T,width]", "sum?": "act[T,before+width+after]" },
  outputs: { dx: "act[T,before+width+after]" },
  attributes: sliceAttributes,
  inPlace: [["dx", "sum"]],
});
