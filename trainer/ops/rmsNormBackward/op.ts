/**
 * With u = h · rstd, w = weight + offset: dx = rstd · (dy·w − u · mean(dy·w·u)) + dSum; dWeight += Σ dy · u.
 * dy, h, dSum, dx [T, n] · weight [d] · rstd [T·n/d] · dWeight F32[d]; the mean is over each group of width d.
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { lanes, roundUp, wordBytes } from "../scratch.ts";

export const rmsNormBackward = defineOp({
  name: "rmsNormBackward",
  meaning: "the gradient of h, plus dSum",
  inputs: { dy: "act[T,n]", h: "act[T,n]", weight: "dense[d]", rstd: "sum[n/d*T]", "dSum?": "act[T,n]" },
  accumulates: { "dWeight?": "sum[d]" },
  outputs: { dx: "act[T,n]" },
  attributes: { "offset?": real },
  /** Sums of dWeight over 64 tokens each. */
  scratch: {
    cpu({ h, weight, dWeight }) {
      const pieces = Math.ceil(rowsOf(h) / 64);
      return { thread: 0, shared: dWeight ? wordBytes(pieces * roundUp(widthOf(weight), lanes)) : 0 };
    },
  },
});
