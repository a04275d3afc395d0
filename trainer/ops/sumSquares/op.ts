/** total += Σ x². x of any shape · total F64[1]. */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { wordBytes } from "../scratch.ts";

export const sumSquares = defineOp({
  name: "sumSquares",
  inputs: ["x"],
  accumulates: ["total"],
  outputs: [],
  infer: () => ({}),
  /** A sum in double a row. */
  scratch: ({ x }) => ({ thread: 0, shared: wordBytes(2 * rowsOf(x)) }),
});
