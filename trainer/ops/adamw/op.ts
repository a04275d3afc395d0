/**
 * One step of AdamW (Loshchilov & Hutter 2019) in the order of operations of torch.optim.AdamW: decoupled decay,
 * moments, update. The gradient is multiplied by `factor` (clipping). The caller computes hyper = (learning rate, 1 −
 * β₁ᵗ, √(1 − β₂ᵗ)) in double. 1 − β is an attribute beside β, since computing it from a β rounded to F32 would be off
 * by 1e-5 for β₂ = 0.999. grad, theta, m, v F32 of one shape · factor F32[1] · hyper F32[3].
 */
import { defineOp } from "../../graph/op.ts";
import { adamwAttributes } from "../attributes.ts";

export const adamw = defineOp({
  name: "adamw",
  meaning: "hyper = (learning rate, 1−β₁ᵗ, √(1−β₂ᵗ)); decoupled decay first; order of operations as torch.optim.AdamW",
  inputs: { grad: "sum[#]", factor: "sum[1]", hyper: "sum[3]" },
  accumulates: { theta: "sum[#]", m: "sum[#]", v: "sum[#]" },
  outputs: {},
  attributes: adamwAttributes,
});
