/** y = a ⊙ b, element by element; all have one shape. */
import { defineOp } from "../../graph/op.ts";

export const multiply = defineOp({
  name: "multiply",
  meaning: "y = a ⊙ b; y may be a or b",
  inputs: { a: "act[*]", b: "act[*]" },
  outputs: { y: "act[*]" },
  inPlace: [
    ["y", "a"],
    ["y", "b"],
  ],
  backward({ graph, operands: { a, b }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const by = (factor: typeof a) => multiply.node(graph, { a: dy, b: factor }, {}).y;
    if (wants("a")) contribute("a", { kind: "tensor", tensor: by(b) });
    if (wants("b")) contribute("b", { kind: "tensor", tensor: by(a) });
  },
});
