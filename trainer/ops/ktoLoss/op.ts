/**
 * loss += Σ |weight[s]| · σ(−u), u = ±β·(−z[s] − divergence): answers of positive weight are wanted (+), those of negative
 * weight are not (−). z is the difference of an answer's negative log-likelihood from the reference's. Ethayarajh et al.
 * 2024, eq. 7. dz is the gradient; the divergence is a constant.
 * weight F32[S] · z F64[S] · divergence F32[1] · loss F64[1] → dz F64[S].
 */
import { defineOp } from "../../graph/op.ts";

export const ktoLoss = defineOp({
  name: "ktoLoss",
  meaning: "|weight|·σ(−u), u = ±beta·(−z − divergence) with the sign of the weight",
  inputs: { weight: "sum[S]", z: "f64[S]", divergence: "sum[1]" },
  accumulates: { loss: "f64[1]" },
  outputs: { dz: "f64[S]" },
  attributes: { beta: { type: "f32", min: 0 } },
  isLoss: true,
  backward({ outputs: { dz }, contribute }) {
    contribute("z", { kind: "tensor", tensor: dz });
  },
});
