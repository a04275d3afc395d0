/** total += Σ x². x of any shape · total F64[1]. */
import { defineOp } from "../../graph/op.ts";

export const sumSquares = defineOp({
  name: "sumSquares",
  inputs: ["x"],
  accumulates: ["total"],
  outputs: [],
  infer: () => ({}),
});
