/**
 * Keeps an element with probability 1 − p, scaled by 1/(1 − p). The mask follows from (seed, step, tensorId, example,
 * position, column) alone (docs/engine.md, Randomness), never from a buffer's row: so it is its own backward, and
 * packing, micro-batches and recomputing leave it as it is.
 * x [T, d] · rowKey u32[T, 2] · rngKey u32[2] → y [T, d].
 */
import { defineOp } from "../../graph/op.ts";
import { expectShape, like } from "../shapes.ts";

export const dropout = defineOp({
  name: "dropout",
  inputs: ["x", "rowKey", "rngKey"],
  outputs: ["y"],
  attributes: { p: "f32", tensorId: "i32" },
  cheap: true,
  infer({ x, rowKey, rngKey }) {
    expectShape("dropout", "rowKey", rowKey, [x.shape[0] ?? 0, 2]);
    expectShape("dropout", "rngKey", rngKey, [2]);
    return { y: like(x) };
  },
  backward({ graph, operands: { rowKey, rngKey }, attributes, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    contribute("x", { kind: "tensor", tensor: dropout.node(graph, { x: dy, rowKey, rngKey }, attributes).y });
  },
});
