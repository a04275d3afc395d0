/**
 * Adds uniform noise to embeddings: NEFTune.                                                       Jain et al. 2023
 * y = x + alpha/√(length·d) · u, u in [−1, 1). u depends only on (seed, step, tensorId, example, position, column), as
 * dropout's mask does (docs/engine.md, Randomness), so that packing, micro-batches and recomputing do not change it.
 * `length` is the number of tokens of the row's example; rows of length 0 are padding and stay unchanged.
 * x [T, d] · length i32[T] · rowKey u32[T, 2] · rngKey u32[2] → y [T, d].
 */
import { defineOp } from "../../graph/op.ts";
import { integer } from "../attributes.ts";

export const noise = defineOp({
  name: "noise",
  meaning: "x + alpha/√(length·d) · uniform numbers in [−1, 1); none where length is 0",
  inputs: { x: "act[T,d]", length: "i32[T]", rowKey: "u32[T,2]", rngKey: "u32[2]" },
  outputs: { y: "act[T,d]" },
  attributes: { alpha: { type: "f32", min: 0 }, tensorId: integer },
  inPlace: [["y", "x"]],
  cheap: true,
  backward({ gradient, wants, contribute }) {
    const dy = gradient("y");
    if (dy && wants("x")) contribute("x", { kind: "tensor", tensor: dy });
  },
});
