/**
 * y = x ⊙ scale + bias + residual, each column with its own scale.
 * x, residual, y [T, d] · scale, bias [d].
 */
import { defineOp } from "../../graph/op.ts";
import { accumulateBias } from "../gradBias/op.ts";
import { scaleColumnsBackward } from "../scaleColumnsBackward/op.ts";

export const scaleColumns = defineOp({
  name: "scaleColumns",
  meaning: "x ⊙ scale + bias + residual, column by column; y may be x or residual",
  inputs: { x: "act[T,d]", scale: "dense[d]", "bias?": "dense[d]", "residual?": "act[T,d]" },
  outputs: { y: "act[T,d]" },
  inPlace: [
    ["y", "x"],
    ["y", "residual"],
  ],
  cheap: true,
  backward({ graph, operands: { x, scale }, gradient, accumulator, contribute, wants }) {
    const dy = gradient("y");
    if (!dy) return;
    accumulateBias(graph, dy, accumulator("bias"));
    contribute("residual", { kind: "tensor", tensor: dy });
    const trained = accumulator("scale");
    if (trained && trained.scale !== 1) throw new Error("scaleColumns: a trained scale must be used unscaled");
    if (!trained && wants("scale")) throw new Error("scaleColumns: a computed scale has no gradient op");
    const { dx } = scaleColumnsBackward.node(graph, { dy, x, scale, dScale: trained?.gradient }, {});
    contribute("x", { kind: "tensor", tensor: dx });
  },
});
