/** The lowest index among a row's largest values; NaN is none, and a row of NaN gives 0. x [R, V] → index i32[R]. */
import { defineOp } from "../../graph/op.ts";

export const argmax = defineOp({
  name: "argmax",
  meaning: "the lowest index among equals; NaN is none of the values",
  inputs: { x: "act[R,V]" },
  outputs: { index: "i32[R]" },
});
