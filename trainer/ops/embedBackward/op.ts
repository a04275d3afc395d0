/** dWeight[ids[t]] += dy[t], in token order. ids i32[T], dy [T, d], dWeight F32[V, d]. */
import { defineOp } from "../../graph/op.ts";

export const embedBackward = defineOp({
  name: "embedBackward",
  meaning: "dWeight[ids[t]] += dy[t], in token order",
  inputs: { ids: "i32[T]", dy: "act[T,d]" },
  accumulates: { dWeight: "sum[V,d]" },
  outputs: {},
  indices: [{ operand: "ids", below: "V" }],
  sparse: { dWeight: "ids" },
});
