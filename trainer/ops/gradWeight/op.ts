/** dW += scale · dyᵀ·x, token chunks in order. dy [T, out] · x [T, in] · dW F32[out, in]. */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { gradientScratch } from "../scratch.ts";
import { expectShape } from "../shapes.ts";

export const gradWeight = defineOp({
  name: "gradWeight",
  inputs: ["dy", "x"],
  accumulates: ["dW"],
  outputs: [],
  attributes: { scale: "f32" },
  infer({ dy, x, dW }) {
    expectShape("gradWeight", "dW", dW, [widthOf(dy), widthOf(x)]);
    return {};
  },
  flops: ({ dy, x }) => 2 * rowsOf(dy) * widthOf(dy) * widthOf(x),
  scratch: () => gradientScratch,
});
