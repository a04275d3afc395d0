/**
 * y = x, but y[index[r]] = rows[r]; indices are distinct. x [V, d] · rows [n, d] · index i32[n] → y [V, d] in y's own type.
 * The gradient of the rows is that of y at their indices; x gets none, because it is frozen.
 */
import { defineOp } from "../../graph/op.ts";
import { castTo } from "../cast/op.ts";
import { gatherRows } from "../gatherRows/op.ts";

export const replaceRows = defineOp({
  name: "replaceRows",
  meaning: "y = x, but y[index[r]] = rows[r]; indices are distinct",
  inputs: { x: "dense[V,d]", rows: "dense[n,d]", index: "i32[n]" },
  outputs: { y: "dense[V,d]" },
  indices: [{ operand: "index", below: "V" }],
  distinct: ["index"],
  backward({ graph, operands: { rows, index }, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    if (wants("x")) throw new Error("replaceRows: x must be frozen");
    if (!wants("rows")) return;
    const { y } = gatherRows.node(graph, { x: dy, index }, {});
    contribute("rows", { kind: "tensor", tensor: castTo(graph, y, rows.dtype) });
  },
});
