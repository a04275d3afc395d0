/** Attention within packed examples and within a window. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { attention } from "./op.ts";

export interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Lengths of packed examples; their sum is the number of tokens. */
  segments: readonly number[];
}

export const attentionShapes: readonly AttentionShape[] = [
  { heads: 1, kvHeads: 1, headDim: 64, segments: [1] },
  { heads: 2, kvHeads: 1, headDim: 16, segments: [7] },
  { heads: 3, kvHeads: 3, headDim: 40, segments: [17, 1, 64, 30] },
  { heads: 4, kvHeads: 2, headDim: 64, segments: [200] },
  { heads: 2, kvHeads: 1, headDim: 128, segments: [63, 65, 1, 1, 1] },
  { heads: 2, kvHeads: 2, headDim: 7, segments: [33, 20] },
  { heads: 1, kvHeads: 1, headDim: 32, segments: [530] },
];

export const segmentStarts = (segments: readonly number[]): TestOperand => {
  let start = 0;
  const values = segments.flatMap((length) => {
    const rows = Array.from({ length }, () => start);
    start += length;
    return rows;
  });
  return { dtype: "I32", shape: [values.length], values };
};

/** Each row attends to at most the last 20 rows: a window instead of segments. */
export const windowStarts = (tokens: number): TestOperand => ({
  dtype: "I32",
  shape: [tokens],
  values: Array.from({ length: tokens }, (_, t) => Math.max(0, t - 19)),
});

/** Scores around those of the keys, one far above and one far below them. */
export const sinksOf = (act: Activation, heads: number): TestOperand => {
  const { values = [] } = random(act, [heads]);
  return { dtype: act, shape: [heads], values: values.map((value, head) => [value, 40, -40, value][head % 4]!) };
};

/** A case; `softcap` 0: the scores are not capped. */
export function attentionCase(
  act: Activation,
  shape: AttentionShape,
  segmentStart: TestOperand,
  softcap = 0,
  hasSinks = false,
): OpCase {
  const { heads, kvHeads, headDim } = shape;
  const T = segmentStart.shape[0] ?? 0;
  const kv = [T, kvHeads * headDim];
  const q = [T, heads * headDim];
  const operands = {
    q: random(act, q),
    k: random(act, kv),
    v: random(act, kv),
    segmentStart,
    ...(hasSinks && { sinks: sinksOf(act, heads) }),
    o: empty(act, q),
    lse: empty("F32", [T, heads]),
  };
  const attributes = { heads, kvHeads, headDim, scale: headDim ** -0.5, ...(softcap > 0 && { softcap }) };
  return make(
    attention,
    `${JSON.stringify(shape)}${softcap > 0 ? " capped" : ""}${hasSinks ? " sinks" : ""}`,
    act,
    attributes,
    operands,
  );
}

/** One key is NaN: rows that attend to it become NaN; earlier rows and other segments are unaffected. */
function notANumberCase(act: Activation): OpCase {
  const shape = { heads: 2, kvHeads: 1, headDim: 16, segments: [7, 5] };
  const one = attentionCase(act, shape, segmentStarts(shape.segments));
  const k = one.operands.k!;
  const values = k.values!.map((value, index) => (index === 3 * shape.headDim ? Number.NaN : value));
  return { ...one, name: `${one.name} with NaN`, operands: { ...one.operands, k: { ...k, values } } };
}

export const cases = (act: Activation): OpCase[] => [
  ...attentionShapes.map((shape) => attentionCase(act, shape, segmentStarts(shape.segments))),
  notANumberCase(act),
  attentionCase(act, attentionShapes[3]!, windowStarts(100)),
  attentionCase(act, attentionShapes[2]!, segmentStarts(attentionShapes[2]!.segments), 1.5),
  attentionCase(act, attentionShapes[3]!, windowStarts(130), 50),
  ...attentionShapes.map((shape) => attentionCase(act, shape, segmentStarts(shape.segments), 0, true)),
  attentionCase(act, attentionShapes[3]!, windowStarts(130), 50, true),
];
