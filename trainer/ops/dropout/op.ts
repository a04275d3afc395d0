/**
 * Keeps an element with probability 1 − p, scaled by 1/(1 − p). The mask depends only on (seed, step, tensorId,
 * example, position, column) (docs/engine.md, Randomness), never on the row in a buffer. The op is therefore its own
 * backward pass, and packing, micro-batches and recomputing do not change the mask. x [T, d] · rowKey u32[T, 2] ·
 * rngKey u32[2] → y [T, d].
 */
import { defineOp } from "../../graph/op.ts";
import { integer, share } from "../attributes.ts";

export const dropout = defineOp({
  name: "dropout",
  meaning: "keeps with 1−p, scaled by 1/(1−p); its own backward pass",
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
