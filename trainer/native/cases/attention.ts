/** Attention within packed examples and within a window, forward and backward. */
import { attention } from "../../ops/attention/op.ts";
import { attentionBackward } from "../../ops/attentionBackward/op.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { type Activation, empty, make, random } from "./operands.ts";

interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Lengths of packed examples; their sum is the number of tokens. */
  segments: readonly number[];
}

const attentionShapes: readonly AttentionShape[] = [
  { heads: 1, kvHeads: 1, headDim: 64, segments: [1] },
  { heads: 2, kvHeads: 1, headDim: 16, segments: [7] },
  { heads: 3, kvHeads: 3, headDim: 40, segments: [17, 1, 64, 30] },
  { heads: 4, kvHeads: 2, headDim: 64, segments: [200] },
  { heads: 2, kvHeads: 1, headDim: 128, segments: [63, 65, 1, 1, 1] },
  { heads: 2, kvHeads: 2, headDim: 7, segments: [33, 20] },
  { heads: 1, kvHeads: 1, headDim: 32, segments: [530] },
];

const segmentStarts = (segments: readonly number[]): TestOperand => {
  let start = 0;
  const values = segments.flatMap((length) => {
    const rows = Array.from({ length }, () => start);
    start += length;
    return rows;
  });
  return { dtype: "I32", shape: [values.length], values };
};

/** Each row sees at most the last 20: a window instead of segments. */
const windowStarts = (tokens: number): TestOperand => ({
  dtype: "I32",
  shape: [tokens],
  values: Array.from({ length: tokens }, (_, t) => Math.max(0, t - 19)),
});

function attentionCase(act: Activation, shape: AttentionShape, segmentStart: TestOperand): OpCase {
  const { heads, kvHeads, headDim } = shape;
  const T = segmentStart.shape[0] ?? 0;
  const kv = [T, kvHeads * headDim];
  const q = [T, heads * headDim];
  const operands = {
    q: random(act, q),
    k: random(act, kv),
    v: random(act, kv),
    segmentStart,
    o: empty(act, q),
    lse: empty("F32", [T, heads]),
  };
  return make(attention, JSON.stringify(shape), act, { heads, kvHeads, headDim, scale: headDim ** -0.5 }, operands);
}

/** A key that is not a number: the rows that see it are none either, those of before it and of other segments are whole. */
function notANumberCase(act: Activation): OpCase {
  const shape = { heads: 2, kvHeads: 1, headDim: 16, segments: [7, 5] };
  const one = attentionCase(act, shape, segmentStarts(shape.segments));
  const k = one.operands.k!;
  const values = k.values!.map((value, index) => (index === 3 * shape.headDim ? Number.NaN : value));
  return { ...one, name: `${one.name} with NaN`, operands: { ...one.operands, k: { ...k, values } } };
}

/** o and lse must belong to q, k and v: they are computed here, in double. */
function attentionBackwardCase(act: Activation, shape: AttentionShape, segmentStart: TestOperand): OpCase {
  const { operands, attributes, name } = attentionCase(act, shape, segmentStart);
  const { q, k, v, o, lse } = operands;
  const forward = attentionForward(shape, q!.values!, k!.values!, v!.values!, segmentStart.values!);
  const all = {
    q: q!,
    k: k!,
    v: v!,
    o: { ...o!, values: forward.o },
    lse: { ...lse!, values: forward.lse },
    dO: random(act, q!.shape),
    segmentStart,
    dq: empty(act, q!.shape),
    dk: empty(act, k!.shape),
    dv: empty(act, v!.shape),
  };
  const relative = act === "BF16" ? 1e-2 : 1e-5;
  return { ...make(attentionBackward, name, act, attributes, all), relative, absolute: relative / 100 };
}

function attentionForward(
  shape: AttentionShape,
  q: readonly number[],
  k: readonly number[],
  v: readonly number[],
  starts: readonly number[],
) {
  const { heads, kvHeads, headDim: D } = shape;
  const o = new Array<number>(q.length).fill(0);
  const lse: number[] = [];
  starts.forEach((start, t) => {
    for (let head = 0; head < heads; head += 1) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const dot = (s: number) => {
        let sum = 0;
        for (let i = 0; i < D; i += 1) sum += q[(t * heads + head) * D + i]! * k[(s * kvHeads + kvHead) * D + i]!;
        return sum * D ** -0.5;
      };
      const scores = Array.from({ length: t - start + 1 }, (_, i) => dot(start + i));
      const top = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
      lse.push(top + Math.log(total));
      scores.forEach((score, j) => {
        const p = Math.exp(score - top) / total;
        for (let i = 0; i < D; i += 1)
          o[(t * heads + head) * D + i]! += p * v[((start + j) * kvHeads + kvHead) * D + i]!;
      });
    }
  });
  return { o, lse };
}

export function attentionCases(act: Activation): OpCase[] {
  const ofSegments = attentionShapes.flatMap((shape) => {
    const starts = segmentStarts(shape.segments);
    return [attentionCase(act, shape, starts), attentionBackwardCase(act, shape, starts)];
  });
  const wide = attentionShapes[3]!;
  return [
    ...ofSegments,
    notANumberCase(act),
    attentionCase(act, wide, windowStarts(100)),
    attentionBackwardCase(act, wide, windowStarts(100)),
  ];
}
