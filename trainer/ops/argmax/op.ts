/** The lowest index among a row's largest values; NaN is none, and a row of NaN gives 0. x [R, V] → index i32[R]. */
import { defineOp } from "../../graph/op.ts";
import { facts, matrix } from "../shapes.ts";

export const argmax = defineOp({
  name: "argmax",
  inputs: ["x"],
  outputs: ["index"],
  infer: ({ x }) => ({ index: facts("I32", matrix("argmax", "x", x)[0]) }),
});
