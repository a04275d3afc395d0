/** dWeight[ids[t]] += dy[t], in token order. ids i32[T], dy [T, d], dWeight F32[V, d]. */
import { defineOp } from "../../graph/op.ts";

export const embedBackward = defineOp({
  name: "embedBackward",
  inputs: ["ids", "dy"],
  accumulates: ["dWeight"],
  outputs: [],
  infer: () => ({}),
});
