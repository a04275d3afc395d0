/** y = max(x, 0), element by element. */
import { defineOp } from "../../graph/op.ts";
import { reluBackward } from "../reluBackward/op.ts";

export const relu = defineOp({
  name: "relu",
  meaning: "y = max(x, 0); y may be x",
  inputs: { x: "act[*]" },
  outputs: { y: "act[*]" },
  inPlace: [["y", "x"]],
  cheap: true,
  backward({ graph, outputs: { y }, gradient, contribute }) {
    const dy = gradient("y");
    if (dy) contribute("x", { kind: "tensor", tensor: reluBackward.node(graph, { dy, y }, {}).dx });
  },
});
