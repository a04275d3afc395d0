/** A row of the embedding per id. ids i32[T], weight [V, d] → y [T, d] in the program's activation type, not the weight's. */
import { defineOp } from "../../graph/op.ts";
import { embedBackward } from "../embedBackward/op.ts";

export const embed = defineOp({
  name: "embed",
  meaning: "a row per id",
  inputs: { ids: "i32[T]", weight: "dense[V,d]" },
  outputs: { y: "act[T,d]" },
  indices: [{ operand: "ids", below: "V" }],
  sparse: { weight: "ids" },
  backward({ graph, operands: { ids }, gradient, accumulator }) {
    const dy = gradient("y");
    const weight = accumulator("weight");
    if (!dy || !weight) return;
    if (weight.scale !== 1) throw new Error("embedBackward cannot scale: a trained embedding must be used unscaled");
    embedBackward.node(graph, { ids, dy, dWeight: weight.gradient }, {});
  },
});
