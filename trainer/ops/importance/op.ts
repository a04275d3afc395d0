/**
 * The smoothed sensitivity of the loss to each weight, and its uncertainty.              Zhang et al. 2023, eq. 9–10
 * I = |θ · factor · grad|; sensitivity = β₁·sensitivity + (1 − β₁)·I; uncertainty = β₂·uncertainty + (1 − β₂)·|I − sensitivity|.
 * theta, grad, sensitivity, uncertainty F32 of one shape · factor F32[1] (the gradient's factor from clipping).
 */
import { defineOp } from "../../graph/op.ts";
import { real } from "../attributes.ts";

export const importance = defineOp({
  name: "importance",
  meaning: "I = |θ·factor·grad|, smoothed, and |I − sensitivity|, smoothed",
  inputs: { theta: "sum[#]", grad: "sum[#]", factor: "sum[1]" },
  accumulates: { sensitivity: "sum[#]", uncertainty: "sum[#]" },
  outputs: {},
  attributes: { beta1: real, oneMinusBeta1: real, beta2: real, oneMinusBeta2: real },
});
