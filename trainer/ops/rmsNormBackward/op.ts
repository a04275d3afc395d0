/**
 * With u = h · rstd: dx = rstd · (dy·weight − u · mean(dy·weight·u)) + dSum; dWeight += Σ dy · u.
 * dy, h, dSum, dx [T, n] · weight [d] · rstd [T·n/d] · dWeight F32[d]; the mean is over each group of width d.
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
  scratch({ h, weight, dWeight }) {
    const pieces = Math.ceil(rowsOf(h) / 64);
    return { thread: 0, shared: dWeight ? wordBytes(pieces * roundUp(widthOf(weight), lanes)) : 0 };
  },
});
