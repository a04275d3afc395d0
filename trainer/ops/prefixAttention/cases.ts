/** A prefix of one row, one whose length is no multiple of a vector, and one before several examples. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { type AttentionShape, segmentStarts, sinksOf } from "../attention/cases.ts";
import { prefixAttention } from "./op.ts";

export interface PrefixShape extends AttentionShape {
  prefix: number;
}

export const prefixShapes: readonly PrefixShape[] = [
  { heads: 1, kvHeads: 1, headDim: 64, segments: [1], prefix: 1 },
  { heads: 4, kvHeads: 2, headDim: 16, segments: [7, 1, 20], prefix: 5 },
  { heads: 3, kvHeads: 3, headDim: 10, segments: [70, 40], prefix: 33 },
];

export function prefixCase(act: Activation, shape: PrefixShape, softcap = 0, hasSinks = false): OpCase {
  const { heads, kvHeads, headDim, prefix } = shape;
  const segmentStart = segmentStarts(shape.segments);
  const T = segmentStart.shape[0] ?? 0;
  const rows = (count: number) => random(act, [count, kvHeads * headDim]);
  const operands = {
    q: random(act, [T, heads * headDim]),
    k: rows(T),
    v: rows(T),
    segmentStart,
    prefixK: rows(prefix),
    prefixV: rows(prefix),
    ...(hasSinks && { sinks: sinksOf(act, heads) }),
    o: empty(act, [T, heads * headDim]),
    lse: empty("F32", [T, heads]),
  };
  const attributes = { heads, kvHeads, headDim, scale: headDim ** -0.5, ...(softcap > 0 && { softcap }) };
  const relative = act === "BF16" ? 1e-2 : 3e-6;
  return {
    ...make(
      prefixAttention,
      `${JSON.stringify(shape)}${softcap > 0 ? " capped" : ""}${hasSinks ? " sinks" : ""}`,
      act,
      attributes,
      operands,
    ),
    relative,
  };
}

export const cases = (act: Activation): OpCase[] => [
  ...prefixShapes.map((shape) => prefixCase(act, shape)),
  prefixCase(act, prefixShapes[2]!, 1.5),
  ...prefixShapes.map((shape) => prefixCase(act, shape, 0, true)),
];
