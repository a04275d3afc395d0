/** total += Σ x². x of any shape · total F64[1]. */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { elementwiseBlocks, rowSums, wordBytes } from "../scratch.ts";

export const sumSquares = defineOp({
  name: "sumSquares",
  meaning: "Σ x²",
  inputs: { x: "dense[*]" },
  accumulates: { total: "f64[1]" },
  outputs: {},
  scratch: {
    cpu: ({ x }) => rowSums(rowsOf(x)),
    /** One of each block: a quarter of an elementwise kernel's. */
    cuda: ({ x }) => ({ thread: 0, shared: wordBytes(2 * Math.ceil(elementwiseBlocks(x) / 4)) }),
  },
});
