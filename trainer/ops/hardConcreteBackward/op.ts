/**
 * The gradients of `hardConcrete`: dW += z·z_g·dY, dAlpha += z′·z_g·w·dY, dGroup += z_g′·Σ z·w·dY; z′ = (high − low)·s·(1 − s)
 * inside of 0 and 1, else 0. The gates are computed again from the same random numbers.
 * w, alpha, dY, dW, dAlpha [out, in] · group, dGroup [1] · rngKey u32[2].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { gateAttributes } from "../attributes.ts";
import { blockSums, rowSums } from "../scratch.ts";

export const hardConcreteBackward = defineOp({
  name: "hardConcreteBackward",
  meaning: "its gradients; that of group over the rows in order",
  inputs: {
    w: "dense[out,in]",
    alpha: "dense[out,in]",
    "group?": "dense[1]",
    "rngKey?": "u32[2]",
    dY: "dense[out,in]",
  },
  accumulates: { dW: "sum[out,in]", dAlpha: "sum[out,in]", "dGroup?": "sum[1]" },
  outputs: {},
  attributes: gateAttributes,
  scratch: { cpu: ({ w }) => rowSums(rowsOf(w)), cuda: ({ w }) => blockSums(w) },
});
