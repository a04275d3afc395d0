/**
 * The gradients of attention, from its inputs, o and lse (Dao 2022: the backward pass without stored probabilities).
 * q, o, dO, dq [T, H·D] · k, v, dk, dv [T, G·D] · lse [T, H] · segmentStart i32[T].
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { attentionAttributes } from "../attributes.ts";
import { attentionSizes, stripRows, wordBytes } from "../scratch.ts";

export const attentionBackward = defineOp({
  name: "attentionBackward",
  meaning: "the gradients of attention; recomputes its probabilities",
  inputs: {
    q: "act[T,heads*headDim]",
    k: "act[T,kvHeads*headDim]",
    v: "act[T,kvHeads*headDim]",
    o: "act[T,heads*headDim]",
    lse: "sum[T,heads]",
    dO: "act[T,heads*headDim]",
    segmentStart: "i32[T]",
  },
  outputs: { dq: "act[T,heads*headDim]", dk: "act[T,kvHeads*headDim]", dv: "act[T,kvHeads*headDim]" },
  attributes: attentionAttributes,
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
  /** Five products over half of the keys of a full row. */
  flops: ({ q }, { keys }) => 5 * 2 * ((q.shape[0] ?? 0) * (q.shape[1] ?? 0)) * (keys / 2),
  /** Keys twice and values, a strip's scores and gradients, its rows, dk and dv; shared: the list of segments. */
  scratch: {
    cpu({ q }, { keys: most }, { headDim }) {
      const tokens = q.shape[0] ?? 0;
      const { keys, width } = attentionSizes(tokens, most, headDim);
      const packed = [keys * headDim, keys * headDim, width * keys];
      const strips = [stripRows * keys, stripRows * keys, stripRows * keys, stripRows * width, stripRows * width];
      return { thread: wordBytes(...packed, ...strips, keys * width, keys * width), shared: wordBytes(4 * tokens) };
    },
    /** A sum of each query and head. */
    cuda: ({ lse }) => ({ thread: 0, shared: wordBytes(elementsOf(lse.shape)) }),
  },
});
