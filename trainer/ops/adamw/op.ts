/**
 * One step of AdamW (Loshchilov & Hutter 2019) in the order of torch.optim.AdamW: decoupled decay, moments, update, of
 * the gradient times `factor` (clipping). hyper = (learning rate, 1 − β₁ᵗ, √(1 − β₂ᵗ)), computed in double by the caller.
 * 1 − β is given beside β: taken from a β rounded to F32 it would be off by 1e-5 for β₂ = 0.999.
 * grad, theta, m, v F32 of one shape · factor F32[1] · hyper F32[3].
 */
import { defineOp } from "../../graph/op.ts";
import { expectShape } from "../shapes.ts";

export const adamw = defineOp({
  name: "adamw",
  inputs: ["grad", "factor", "hyper"],
  accumulates: ["theta", "m", "v"],
  outputs: [],
  attributes: {
    oneMinusBeta1: "f32",
    beta2: "f32",
    oneMinusBeta2: "f32",
    eps: "f32",
    weightDecay: "f32",
    learningRateScale: "f32",
  },
  infer({ grad, hyper, theta, m, v }) {
    expectShape("adamw", "hyper", hyper, [3]);
    expectShape("adamw", "theta", theta, grad.shape);
    expectShape("adamw", "m", m, grad.shape);
    expectShape("adamw", "v", v, grad.shape);
    return {};
  },
});
