/**
 * The gradients of attention, from its inputs, o and lse (Dao 2022, the backward without stored probabilities).
 * q, o, dO, dq [T, H·D] · k, v, dk, dv [T, G·D] · lse [T, H] · segmentStart i32[T].
 */
import { defineOp } from "../../graph/op.ts";
import { attentionSizes, stripRows, wordBytes } from "../scratch.ts";
import { expectShape, like } from "../shapes.ts";

export const attentionBackward = defineOp({
  name: "attentionBackward",
  inputs: ["q", "k", "v", "o", "lse", "dO", "segmentStart"],
  outputs: ["dq", "dk", "dv"],
  attributes: { heads: "i32", kvHeads: "i32", headDim: "i32", scale: "f32" },
  infer({ q, k, v, o, dO }) {
    expectShape("attentionBackward", "o", o, q.shape);
    expectShape("attentionBackward", "dO", dO, q.shape);
    return { dq: like(q), dk: like(k), dv: like(v) };
  },
  /** Five products over half of the keys of a full row. */
  flops: ({ q }, { keys }) => 5 * 2 * ((q.shape[0] ?? 0) * (q.shape[1] ?? 0)) * (keys / 2),
  /** Keys twice and values, a strip's scores and gradients, its rows, dk and dv; the list of segments. */
  scratch({ q }, { keys: most }, { headDim }) {
    const tokens = q.shape[0] ?? 0;
    const { keys, width } = attentionSizes(tokens, most, headDim);
    const packed = [keys * headDim, keys * headDim, width * keys];
    const strips = [stripRows * keys, stripRows * keys, stripRows * keys, stripRows * width, stripRows * width];
    return { thread: wordBytes(...packed, ...strips, keys * width, keys * width), shared: wordBytes(4 * tokens) };
  },
});
