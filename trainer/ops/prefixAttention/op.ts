/**
 * `attention` in which every row also attends to a prefix: n keys and values before its own segment's, in one softmax.
 *                                                                                              Li & Liang 2021
 * q [T, H·D] · k, v [T, G·D] · segmentStart i32[T] · prefixK, prefixV [n, G·D] · sinks [H] → o [T, H·D], lse [T, H].
 */
import { defineOp } from "../../graph/op.ts";
import { widthOf } from "../../graph/tensor.ts";
import { attention } from "../attention/op.ts";
import { attentionAttributes } from "../attributes.ts";
import { prefixAttentionBackward } from "../prefixAttentionBackward/op.ts";
import { wordBytes } from "../scratch.ts";
import { accumulateSinks } from "../sinkGradient/op.ts";

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
    "sinks?": "dense[heads]",
  },
  outputs: { o: "act[T,heads*headDim]", lse: "sum[T,heads]" },
  attributes: attentionAttributes,
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
  backward(at) {
    const { graph, outputs, attributes, accumulator, contribute } = at;
    const { sinks, ...operands } = at.operands;
    const { o, lse } = outputs;
    const dO = at.gradient("o");
    if (!dO) return;
    accumulateSinks(graph, { o, lse, dO, sinks }, accumulator("sinks"), attributes);
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
