/**
 * The lowest index among a row's largest values. NaN is ignored; a row of only NaN gives 0. x [R, V] → index i32[R].
 */
import { defineOp } from "../../graph/op.ts";

export const argmax = defineOp({
  name: "argmax",
  meaning: "the lowest index among the largest values; NaN is ignored",
  inputs: { x: "act[R,V]" },
  outputs: { index: "i32[R]" },
});
