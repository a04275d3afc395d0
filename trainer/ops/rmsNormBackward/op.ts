/**
 * With n = h · rstd: dx = rstd · (dy·weight − n · mean(dy·weight·n)) + dSum; dWeight += Σ_t dy · n.
 * dy, h, dSum, dx [T, d] · weight [d] · rstd [T] · dWeight F32[d].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { lanes, roundUp, wordBytes } from "../scratch.ts";
import { expectShape, like } from "../shapes.ts";

export const rmsNormBackward = defineOp({
  name: "rmsNormBackward",
  inputs: ["dy", "h", "weight", "rstd", "dSum?"],
  accumulates: ["dWeight?"],
  outputs: ["dx"],
  infer({ dy, h, dSum }) {
    expectShape("rmsNormBackward", "h", h, dy.shape);
    expectShape("rmsNormBackward", "dSum", dSum, dy.shape);
    return { dx: like(dy) };
  },
  /** dWeight's sums of 64 tokens each. */
  scratch({ h, dWeight }) {
    const pieces = Math.ceil(rowsOf(h) / 64);
    return { thread: 0, shared: dWeight ? wordBytes(pieces * roundUp(widthOf(h), lanes)) : 0 };
  },
});
