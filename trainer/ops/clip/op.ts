/**
 * norm = √total, factor = min(1, maxNorm/(norm + 1e-6)); 1 where maxNorm is 0 (torch.nn.utils.clip_grad_norm_).
 * total F64[1] → norm F32[1], factor F32[1].
 */
import { defineOp } from "../../graph/op.ts";
import { facts } from "../shapes.ts";

export const clip = defineOp({
  name: "clip",
  inputs: ["total"],
  outputs: ["norm", "factor"],
  attributes: { maxNorm: "f32" },
  infer: () => ({ norm: facts("F32", 1), factor: facts("F32", 1) }),
});
