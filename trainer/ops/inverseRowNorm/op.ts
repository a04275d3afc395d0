/**
 * inverse[o] = 1/‖W[o,:] + scale·(B·A)[o,:]‖: what DoRA divides its magnitude by.        Liu et al. 2024, §4.3
 * w [out, in] · a [r, in] · b [out, r] → inverse [out]. A constant to the backward, as §4.3 has it: no gradient goes
 * through the norm.
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";

export const inverseRowNorm = defineOp({
  name: "inverseRowNorm",
  meaning: "1/‖w + scale·b·a‖, row by row; a constant to the backward",
  inputs: { w: "weight[out,in]", a: "act[r,in]", b: "act[out,r]" },
  outputs: { inverse: "sum[out]" },
  attributes: { scale: real },
  detached: true,
  flops: ({ w, b }) => 2 * elementsOf(w.shape) * (widthOf(b) + 1),
});
