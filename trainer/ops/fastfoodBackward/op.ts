/**
 * The gradients of `fastfood`: dX = scale·Pᵀ·dY and dScale = x·(Pᵀ·dY), Pᵀ = B·H·Πᵀ·G·H / √(out·in·Σ G²).
 * x, dX [d] · scale, dScale [1] · dY [out, in].
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { fastfoodAttributes } from "../attributes.ts";
import { fastfoodDeviceScratch, fastfoodScratch } from "../scratch.ts";

export const fastfoodBackward = defineOp({
  name: "fastfoodBackward",
  meaning: "its gradients: scale·Pᵀ·dY, and x·(Pᵀ·dY)",
  inputs: { x: "act[d]", "scale?": "act[1]", dY: "act[out,in]" },
  outputs: { dX: "act[d]", "dScale?": "act[1]" },
  attributes: fastfoodAttributes,
  scratch: {
    cpu: ({ x }, _cost, { out, in: width }) => fastfoodScratch(out * width, elementsOf(x.shape)),
    cuda: ({ x }, _cost, { out, in: width }) => fastfoodDeviceScratch(out * width, elementsOf(x.shape)),
  },
});
