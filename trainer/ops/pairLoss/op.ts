/**
 * loss += Σ weight[p] · −log σ(d), d = f(z[2p]) − f(z[2p + 1]), over pairs of a preferred answer and a rejected one. z is a
 * negative log-likelihood, or its difference from a reference's:
 *
 *   f(z) = −β·z                       the reward of DPO                         Rafailov et al. 2023, eq. 7
 *   f(z) = log odds of exp(−z)        with `odds` 1, ORPO; z a mean over tokens  Hong et al. 2024, eq. 4 and 7
 *
 * dz is the gradient. A pair of weight 0 has no part. Odds are at most those of z = 1e-12.
 * weight F32[P] · z F64[2P] · loss F64[1] → dz F64[2P].
 */
import { defineOp } from "../../graph/op.ts";

export const pairLoss = defineOp({
  name: "pairLoss",
  meaning: "−log σ(f(z[2p]) − f(z[2p + 1])), weighted; f(z) = −beta·z, or the log odds of exp(−z) if odds is 1",
  inputs: { weight: "sum[P]", z: "f64[2*P]" },
  accumulates: { loss: "f64[1]" },
  outputs: { dz: "f64[2*P]" },
  attributes: { beta: { type: "f32", min: 0 }, odds: { type: "i32", values: [0, 1] } },
  isLoss: true,
  backward({ outputs: { dz }, contribute }) {
    contribute("z", { kind: "tensor", tensor: dz });
  },
});
