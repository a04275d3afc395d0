/**
 * The gradients of `openGates`: with p = σ(α − shift) and q = σ(group − shift), dAlpha += weight·q·p·(1 − p) and
 * dGroup += weight·q·(1 − q)·Σ p. alpha, dAlpha [out, in] · group, dGroup [1].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { blockSums, rowSums } from "../scratch.ts";

export const openGatesBackward = defineOp({
  name: "openGatesBackward",
  meaning: "its gradients; that of group over the rows in order",
  inputs: { alpha: "dense[out,in]", "group?": "dense[1]" },
  accumulates: { dAlpha: "sum[out,in]", "dGroup?": "sum[1]" },
  outputs: {},
  attributes: { shift: real, weight: real },
  scratch: { cpu: ({ alpha }) => rowSums(rowsOf(alpha)), cuda: ({ alpha }) => blockSums(alpha) },
});
