/** dx = dy where y > 0, else 0; y is the result of `relu`. */
import { defineOp } from "../../graph/op.ts";

export const reluBackward = defineOp({
  name: "reluBackward",
  meaning: "dx = dy where y > 0, else 0; dx may be dy",
  inputs: { dy: "act[*]", y: "act[*]" },
  outputs: { dx: "act[*]" },
  inPlace: [["dx", "dy"]],
});
