/**
 * Rotary position embedding (Su et al. 2021) in the layout of Hugging Face: element i of a head is rotated with i + D/2.
 * With `rotary` n only its first n elements are rotated, i with i + n/2, by the first n/2 angles.
 * x [T, heads·D] · cos, sin F32[T, D/2], one row per token → y like x. Sign −1 rotates back, which is the backward pass.
 */
import { defineOp } from "../../graph/op.ts";
import { size } from "../attributes.ts";

export const rope = defineOp({
  name: "rope",
  meaning:
    "rotate halves (Hugging Face layout), of the first `rotary` of each head; sign −1 is the backward; y may be x",
  inputs: { x: "act[T,heads*headDim]", cos: "sum[T,headDim/2]", sin: "sum[T,headDim/2]" },
  outputs: { y: "act[T,heads*headDim]" },
  attributes: {
    heads: size,
    headDim: size,
    sign: { type: "i32", values: [1, -1] },
    "rotary?": { type: "i32", min: 0, max: 65_536 },
  },
  inPlace: [["y", "x"]],
  backward({ graph, operands: { cos, sin }, attributes, gradient, wants, contribute }) {
    const dy = gradient("y");
    if (!dy || !wants("x")) return;
    const { y } = rope.node(graph, { x: dy, cos, sin }, { ...attributes, sign: -attributes.sign });
    contribute("x", { kind: "tensor", tensor: y });
  },
});
