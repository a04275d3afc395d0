/**
 * norm = √total, factor = min(1, maxNorm/(norm + 1e-6)); 1 if maxNorm is 0 (torch.nn.utils.clip_grad_norm_).
 * total F64[1] → norm F32[1], factor F32[1].
 */
import { defineOp } from "../../graph/op.ts";

export const clip = defineOp({
  name: "clip",
  meaning: "norm = √total, factor = min(1, maxNorm/(norm + 1e-6)); 1 if maxNorm is 0",
  inputs: { total: "f64[1]" },
  outputs: { norm: "sum[1]", factor: "sum[1]" },
  attributes: { maxNorm: { type: "f32", min: 0 } },
});
