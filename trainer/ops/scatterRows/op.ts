/**
 * dx[index[r]] = dy[r], zeros elsewhere. Index −1 is skipped; the others must be distinct. dy [R, d] · index i32[R] →
 * dx [T, d], with as many rows as its tensor has.
 */
import { defineOp } from "../../graph/op.ts";

export const scatterRows = defineOp({
  name: "scatterRows",
  meaning: "dx[index[r]] = dy[r], zeros elsewhere; −1 skipped; indices are distinct",
  inputs: { dy: "act[R,d]", index: "i32[R]" },
  outputs: { dx: "act[T,d]" },
  indices: [{ operand: "index", below: "T", skips: true }],
  distinct: ["index"],
});
