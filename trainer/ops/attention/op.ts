/**
 * Causal attention inside segments: row t attends to the keys segmentStart[t]..t; query head h uses the
 * key–value head ⌊h·G/H⌋ (Ainslie et al. 2023).
 * `sinks`: a score of each head beside those of the keys, with a value of zero (gpt-oss).
 * q [T, H·D] · k, v [T, G·D] · segmentStart i32[T] · sinks [H] → o [T, H·D], lse [T, H] (log-sum-exp of the scores, for
 * the backward pass).
 */
import { defineOp } from "../../graph/op.ts";
import { attentionBackward } from "../attentionBackward/op.ts";
import { attentionAttributes } from "../attributes.ts";
import { attentionSizes, stripRows, wordBytes } from "../scratch.ts";
import { accumulateSinks } from "../sinkGradient/op.ts";

export const attention = defineOp({
  name: "attention",
  meaning: "row t attends to the keys segmentStart[t]..t; sinks are scores of no value",
  inputs: {
    q: "act[T,heads*headDim]",
    k: "act[T,kvHeads*headDim]",
    v: "act[T,kvHeads*headDim]",
    segmentStart: "i32[T]",
    "sinks?": "dense[heads]",
  },
  outputs: { o: "act[T,heads*headDim]", lse: "sum[T,heads]" },
  attributes: attentionAttributes,
  indices: [{ operand: "segmentStart", upTo: "ownRow" }],
  backward(at) {
    const { graph, operands, outputs, attributes, contribute } = at;
    const { q, k, v, segmentStart } = operands;
    const { o, lse } = outputs;
    const dO = at.gradient("o");
    if (!dO) return;
    accumulateSinks(graph, { o, lse, dO, sinks: operands.sinks }, at.accumulator("sinks"), attributes);
    const { dq, dk, dv } = attentionBackward.node(graph, { q, k, v, o, lse, dO, segmentStart }, attributes);
    contribute("q", { kind: "tensor", tensor: dq });
    contribute("k", { kind: "tensor", tensor: dk });
    contribute("v", { kind: "tensor", tensor: dv });
  },
  /** Two products over half of the keys of a full row. */
  flops: ({ q }, { keys }) => 2 * 2 * ((q.shape[0] ?? 0) * (q.shape[1] ?? 0)) * (keys / 2),
  /**
   * Keys and values of a segment, a strip's scores in both types and its queries; shared: the lists of segments and
   * blocks.
   */
  scratch: {
    cpu({ q }, { keys: most }, { headDim }) {
      const tokens = q.shape[0] ?? 0;
      const { keys, width } = attentionSizes(tokens, most, headDim);
      const strips = [stripRows * keys, stripRows * keys, stripRows * width];
      return { thread: wordBytes(keys * headDim, width * keys, ...strips), shared: wordBytes(4 * tokens, 8 * tokens) };
    },
  },
});
