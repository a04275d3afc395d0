/**
 * The gated unit of gpt-oss's experts, on columns that alternate: x = [gate₀, up₀, gate₁, up₁, …]. gate is clamped from above to
 * `limit`, up on both sides; y = gate · σ(alpha · gate) · (up + 1).   x [T, 2f] → y [T, f].                       OpenAI 2025
 */
import { defineOp } from "../../graph/op.ts";
import { clampedUnit } from "../attributes.ts";
import { clampedGluBackward } from "../clampedGluBackward/op.ts";

export const clampedGlu = defineOp({
  name: "clampedGlu",
  meaning: "g·σ(alpha·g)·(u + 1) of alternating columns g, at most limit, and u, within ±limit",
  inputs: { x: "act[T,w]" },
  outputs: { y: "act[T,w/2]" },
  attributes: clampedUnit,
  cheap: true,
  backward({ graph, operands: { x }, attributes, gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    contribute("x", { kind: "tensor", tensor: clampedGluBackward.node(graph, { x, dy }, attributes).dx });
  },
});
