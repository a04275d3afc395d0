/**
 * Keeps an element with probability 1 − p, scaled by 1/(1 − p). The mask follows from (seed, step, tensorId, example,
 * position, column) alone (docs/engine.md, Randomness), never from a buffer's row: so it is its own backward, and
 * packing, micro-batches and recomputing leave it as it is.
 * x [T, d] · rowKey u32[T, 2] · rngKey u32[2] → y [T, d].
 */
import { defineOp } from "../../graph/op.ts";
import { integer, share } from "../attributes.ts";

export const dropout = defineOp({
  name: "dropout",
  meaning: "keeps with 1−p, scaled by 1/(1−p); its own backward",
  inputs: { x: "act[T,d]", rowKey: "u32[T,2]", rngKey: "u32[2]" },
  outputs: { y: "act[T,d]" },
  attributes: { p: share, tensorId: integer },
  cheap: true,
  backward({ graph, operands: { rowKey, rngKey }, attributes, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    contribute("x", { kind: "tensor", tensor: dropout.node(graph, { x: dy, rowKey, rngKey }, attributes).y });
  },
});
