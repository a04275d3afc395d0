/**
 * dx[index[r]] = dy[r], zeros elsewhere; −1 is skipped, indices are distinct. dy [R, d] · index i32[R] → dx [T, d], of
 * as many rows as its tensor has.
 */
import { defineOp } from "../../graph/op.ts";
import { expectShape } from "../shapes.ts";

export const scatterRows = defineOp({
  name: "scatterRows",
  inputs: ["dy", "index"],
  outputs: ["dx"],
  infer({ dy, index }) {
    expectShape("scatterRows", "index", index, [dy.shape[0] ?? 0]);
    return {};
  },
});
