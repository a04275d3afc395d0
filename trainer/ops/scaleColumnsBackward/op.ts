/** dx = dy ⊙ scale; dScale += Σ dy · x over the rows. dy, x, dx [T, d] · scale [d] · dScale F32[d]. */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { lanes, roundUp, wordBytes } from "../scratch.ts";

export const scaleColumnsBackward = defineOp({
  name: "scaleColumnsBackward",
  meaning: "dx = dy ⊙ scale; dScale += Σ dy·x over the rows",
  inputs: { dy: "act[T,d]", x: "act[T,d]", scale: "dense[d]" },
  accumulates: { "dScale?": "sum[d]" },
  outputs: { dx: "act[T,d]" },
  inPlace: [["dx", "dy"]],
  /** Sums of dScale over 64 rows each. */
  scratch: {
    cpu({ dy, dScale }) {
      const pieces = Math.ceil(rowsOf(dy) / 64);
      return { thread: 0, shared: dScale ? wordBytes(pieces * roundUp(widthOf(dy), lanes)) : 0 };
    },
  },
});
