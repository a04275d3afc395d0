/** dW += scale · dyᵀ·x, token chunks in order. dy [T, out] · x [T, in] · dW F32[out, in]. */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { gradientScratch } from "../scratch.ts";

export const gradWeight = defineOp({
  name: "gradWeight",
  meaning: "scale · dyᵀ·x, token chunks in order",
  inputs: { dy: "act[T,out]", x: "act[T,in]" },
  accumulates: { dW: "sum[out,in]" },
  outputs: {},
  attributes: { scale: real },
  flops: ({ dy, x }) => 2 * rowsOf(dy) * widthOf(dy) * widthOf(x),
  scratch: { cpu: () => gradientScratch },
});
