/**
 * `attention` in which every row also attends to a prefix: n keys and values before its own segment's, in one softmax.
 *                                                                                              Li & Liang 2021
 * q [T, H·D] · k, v [T, G·D] · segmentStart i32[T] · prefixK, prefixV [n, G·D] → o [T, H·D], lse [T, H].
 */
import { defineOp } from "../../graph/op.ts";
import { widthOf } from "../../graph/tensor.ts";
import { attention } from "../attention/op.ts";
import { attentionAttributes } from "../attributes.ts";
import { prefixAttentionBackward } from "../prefixAttentionBackward/op.ts";
import { wordBytes } from "../scratch.ts";

export const prefixAttention = defineOp({
  name: "prefixAttention",
  meaning: "attention in which every row also attends to the prefix",
  inputs: {
    q: "act[T,heads*headDim]",
    k: "act[T,kvHeads*headDim]",
    v: "act[T,kvHeads*headDim]",
    segmentStart: "i32[T]",
    prefixK: "act[n,kvHeads*headDim]",
    prefixV: "act[n,kvHeads*headDim]",
  },
  outputs: { o: "act[T,heads*headDim]", lse: "sum[T,heads]" },
  attributes: attentionAttributes,
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
  backward({ graph, operands, outputs: { o, lse }, attributes, gradient, accumulator, contribute }) {
    const dO = gradient("o");
    if (!dO) return;
    const [keys, values] = [accumulator("prefixK"), accumulator("prefixV")];
    if ((keys?.scale ?? 1) !== 1 || (values?.scale ?? 1) !== 1) {
      throw new Error("prefixAttention: a trained prefix must be used unscaled");
    }
    const trained = { dPrefixK: keys?.gradient, dPrefixV: values?.gradient };
    const { dq, dk, dv } = prefixAttentionBackward.node(graph, { ...operands, o, lse, dO, ...trained }, attributes);
    contribute("q", { kind: "tensor", tensor: dq });
    contribute("k", { kind: "tensor", tensor: dk });
    contribute("v", { kind: "tensor", tensor: dv });
  },
  /** The cost of `attention`, plus two products with the whole prefix. */
  flops: ({ q, prefixK }, { keys }) => 2 * 2 * (q.shape[0] ?? 0) * widthOf(q) * (keys / 2 + (prefixK.shape[0] ?? 0)),
  /** The scratch of `attention`, then a prefix's scores. */
  scratch: {
    cpu(operands, cost, attributes) {
      const { thread, shared } = attention.scratch("cpu", operands, cost, attributes);
      return { thread: Math.max(thread, wordBytes(operands.prefixK.shape[0] ?? 0)), shared };
    },
  },
});
