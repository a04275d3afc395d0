/** The gradients of `prefixAttention`. The prefix's gradients, in F32, are summed over the tokens in order. */
import { defineOp } from "../../graph/op.ts";
import { elementsOf, widthOf } from "../../graph/tensor.ts";
import { attentionBackward } from "../attentionBackward/op.ts";
import { attentionAttributes } from "../attributes.ts";
import { wordBytes } from "../scratch.ts";

export const prefixAttentionBackward = defineOp({
  name: "prefixAttentionBackward",
  meaning: "the gradients of prefixAttention; the prefix's are summed over the tokens in order",
  inputs: {
    q: "act[T,heads*headDim]",
    k: "act[T,kvHeads*headDim]",
    v: "act[T,kvHeads*headDim]",
    o: "act[T,heads*headDim]",
    lse: "sum[T,heads]",
    dO: "act[T,heads*headDim]",
    segmentStart: "i32[T]",
    prefixK: "act[n,kvHeads*headDim]",
    prefixV: "act[n,kvHeads*headDim]",
  },
  accumulates: { "dPrefixK?": "sum[n,kvHeads*headDim]", "dPrefixV?": "sum[n,kvHeads*headDim]" },
  outputs: { dq: "act[T,heads*headDim]", dk: "act[T,kvHeads*headDim]", dv: "act[T,kvHeads*headDim]" },
  attributes: attentionAttributes,
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
  flops: ({ q, prefixK }, { keys }) => 5 * 2 * (q.shape[0] ?? 0) * widthOf(q) * (keys / 2 + (prefixK.shape[0] ?? 0)),
  /** The scratch of `attentionBackward`, then P and dS of a row over the prefix. */
  scratch: {
    cpu(operands, cost, attributes) {
      const { thread, shared } = attentionBackward.scratch("cpu", operands, cost, attributes);
      const rows = operands.prefixK.shape[0] ?? 0;
      return { thread: Math.max(thread, wordBytes(rows, rows)), shared };
    },
    cuda: ({ lse }) => ({ thread: 0, shared: wordBytes(elementsOf(lse.shape)) }),
  },
});
