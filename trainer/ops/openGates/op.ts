/**
 * loss += weight · Σ σ(α − shift)·σ(group − shift): the expected number of gates that are not 0.   Guo et al. 2021, §3.1
 * shift = log(−low/high) of the gates' stretch. alpha [out, in] · group [1], 1 instead of its factor if absent · loss F64[1].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { openGatesBackward } from "../openGatesBackward/op.ts";
import { blockSums, rowSums } from "../scratch.ts";

export const openGates = defineOp({
  name: "openGates",
  meaning: "weight·Σ σ(alpha − shift)·σ(group − shift)",
  inputs: { alpha: "dense[out,in]", "group?": "dense[1]" },
  accumulates: { loss: "f64[1]" },
  outputs: {},
  attributes: { shift: real, weight: real },
  isLoss: true,
  backward({ graph, operands: { alpha, group }, attributes, accumulator }) {
    const [ofAlpha, ofGroup] = [accumulator("alpha"), accumulator("group")];
    if (!ofAlpha || [ofAlpha, ofGroup].some((one) => one !== undefined && one.scale !== 1))
      throw new Error("openGates: alpha must be a parameter, unscaled, since its gradient accumulates");
    const operands = { alpha, group, dAlpha: ofAlpha.gradient, dGroup: ofGroup?.gradient };
    openGatesBackward.node(graph, operands, attributes);
  },
  scratch: { cpu: ({ alpha }) => rowSums(rowsOf(alpha)), cuda: ({ alpha }) => blockSums(alpha) },
});
