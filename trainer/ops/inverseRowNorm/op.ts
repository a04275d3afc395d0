/**
 * inverse[o] = 1/‖W[o,:] + scale·(B·A)[o,:]‖, the factor of DoRA's magnitude.            Liu et al. 2024, §4.3
 * w [out, in] · a [r, in] · b [out, r] → inverse [out]. The backward pass treats it as a constant, as in §4.3: no
 * gradient passes through the norm.
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";

export const inverseRowNorm = defineOp({
  name: "inverseRowNorm",
  meaning: "1/‖w + scale·b·a‖, row by row; constant in the backward pass",
  inputs: { w: "weight[out,in]", a: "act[r,in]", b: "act[out,r]" },
  outputs: { inverse: "sum[out]" },
  attributes: { scale: real },
  detached: true,
  flops: ({ w, b }) => 2 * elementsOf(w.shape) * (widthOf(b) + 1),
});
