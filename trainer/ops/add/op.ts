/** y = a + b; all have one shape. */
import { defineOp } from "../../graph/op.ts";

export const add = defineOp({
  name: "add",
  meaning: "y = a + b; y may be a",
  inputs: { a: "act[*]", b: "act[*]" },
  outputs: { y: "act[*]" },
  inPlace: [["y", "a"]],
  backward({ gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    contribute("a", { kind: "tensor", tensor: dy });
    contribute("b", { kind: "tensor", tensor: dy });
  },
});
