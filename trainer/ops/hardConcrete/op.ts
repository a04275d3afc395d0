/**
 * y = z ⊙ w with hard-concrete gates z of w's elements, times that of the whole matrix.        Guo et al. 2021, §3
 * z = min(1, max(0, low + (high − low)·s)), s = σ(logit(u) + α). u in (0, 1) is random by (seed, step, site, row, column): a
 * word's place in 2³². Without rngKey u is ½, which gives the gate's estimate after training (Louizos et al. 2018, eq. 13).
 * w, alpha, y [out, in] · group [1], the α of the matrix · rngKey u32[2] = (seed, step).
 */
import { defineOp } from "../../graph/op.ts";
import { gateAttributes } from "../attributes.ts";
import { hardConcreteBackward } from "../hardConcreteBackward/op.ts";

export const hardConcrete = defineOp({
  name: "hardConcrete",
  meaning: "w ⊙ hard-concrete gates of alpha, times that of group; the median gates without rngKey",
  inputs: { w: "dense[out,in]", alpha: "dense[out,in]", "group?": "dense[1]", "rngKey?": "u32[2]" },
  outputs: { y: "dense[out,in]" },
  attributes: gateAttributes,
  cheap: true,
  backward({ graph, operands, attributes, gradient, accumulator }) {
    const dY = gradient("y");
    if (!dY) return;
    const [ofW, ofAlpha, ofGroup] = [accumulator("w"), accumulator("alpha"), accumulator("group")];
    if (!ofW || !ofAlpha || [ofW, ofAlpha, ofGroup].some((one) => one !== undefined && one.scale !== 1))
      throw new Error("hardConcrete: w and alpha must be parameters, unscaled, since their gradients accumulate");
    const gradients = { dW: ofW.gradient, dAlpha: ofAlpha.gradient, dGroup: ofGroup?.gradient };
    hardConcreteBackward.node(graph, { ...operands, dY, ...gradients }, attributes);
  },
});
