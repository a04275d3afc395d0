/**
 * Rotary position embedding (Su et al. 2021) in the layout of Hugging Face: element i of a head turns with i + D/2.
 * x [T, heads·D] · cos, sin F32[T, D/2], one row per token → y like x. sign −1 turns back: the backward.
 */
import { defineOp } from "../../graph/op.ts";
import { expectShape, like } from "../shapes.ts";

export const rope = defineOp({
  name: "rope",
  inputs: ["x", "cos", "sin"],
  outputs: ["y"],
  attributes: { heads: "i32", headDim: "i32", sign: "i32" },
  inPlace: [["y", "x"]],
  infer({ x, cos, sin }, { heads, headDim }) {
    const tokens = x.shape[0] ?? 0;
    expectShape("rope", "x", x, [tokens, heads * headDim]);
    expectShape("rope", "cos", cos, [tokens, headDim / 2]);
    expectShape("rope", "sin", sin, [tokens, headDim / 2]);
    return { y: like(x) };
  },
  backward({ graph, operands: { cos, sin }, attributes, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const { y } = rope.node(graph, { x: dy, cos, sin }, { ...attributes, sign: -attributes.sign });
    contribute("x", { kind: "tensor", tensor: y });
  },
});
