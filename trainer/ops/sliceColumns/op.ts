/**
 * y = the columns [before, before + width) of x: the parts of a fused projection.
 * x [T, before + width + after] → y [T, width].
 */
import { defineOp } from "../../graph/op.ts";
import { sliceAttributes } from "../attributes.ts";
import { sliceColumnsBackward } from "../sliceColumnsBackward/op.ts";

export const sliceColumns = defineOp({
  name: "sliceColumns",
  meaning: "columns [before, before + width) of x",
  inputs: { x: "act[T,before+width+after]" },
  outputs: { y: "act[T,width]" },
  attributes: sliceAttributes,
  cheap: true,
  backward({ graph, attributes, gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    contribute("x", { kind: "into", make: (sum) => sliceColumnsBackward.node(graph, { dy, sum }, attributes).dx });
  },
});
