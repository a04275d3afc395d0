/** y = a + b, of one shape. */
import { defineOp } from "../../graph/op.ts";
import { expectShape, like } from "../shapes.ts";

export const add = defineOp({
  name: "add",
  inputs: ["a", "b"],
  outputs: ["y"],
  inPlace: [["y", "a"]],
  infer({ a, b }) {
    expectShape("add", "b", b, a.shape);
    return { y: like(a) };
  },
  backward({ gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    contribute("a", { kind: "tensor", tensor: dy });
    contribute("b", { kind: "tensor", tensor: dy });
  },
});
