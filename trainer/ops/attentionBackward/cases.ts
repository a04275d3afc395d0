import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import {
  type AttentionShape,
  attentionCase,
  attentionShapes,
  segmentStarts,
  windowStarts,
} from "../attention/cases.ts";
import { attentionBackward } from "./op.ts";

/** o and lse must match q, k and v, so they are computed here, in double. */
function attentionBackwardCase(act: Activation, shape: AttentionShape, segmentStart: TestOperand, softcap = 0): OpCase {
  const { operands, attributes, name } = attentionCase(act, shape, segmentStart, softcap);
  const { q, k, v, o, lse } = operands;
  const forward = attentionForward({ ...shape, softcap }, q!.values!, k!.values!, v!.values!, segmentStart.values!);
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
  return { ...make(attentionBackward, name, act, attributes, all), relative, absolute: relative / 50 };
}

/** Computed in double. Every row attends to `prefix`. A `softcap` of 0 caps nothing. */
export function attentionForward(
  shape: AttentionShape & { softcap?: number },
  q: readonly number[],
  k: readonly number[],
  v: readonly number[],
  starts: readonly number[],
  prefix: { keys: readonly number[]; values: readonly number[] } = { keys: [], values: [] },
) {
  const { heads, kvHeads, headDim: D, softcap: cap = 0 } = shape;
  const o = new Array<number>(q.length).fill(0);
  const lse: number[] = [];
  const before = prefix.keys.length / (kvHeads * D);
  const keys = [...prefix.keys, ...k];
  const seen = [...prefix.values, ...v];
  starts.forEach((start, t) => {
    for (let head = 0; head < heads; head += 1) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const dot = (s: number) => {
        let sum = 0;
        for (let i = 0; i < D; i += 1) sum += q[(t * heads + head) * D + i]! * keys[(s * kvHeads + kvHead) * D + i]!;
        return cap > 0 ? cap * Math.tanh((sum * D ** -0.5) / cap) : sum * D ** -0.5;
      };
      const rows = [...Array(before).keys(), ...Array.from({ length: t - start + 1 }, (_, i) => before + start + i)];
      const scores = rows.map(dot);
      const top = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
      lse.push(top + Math.log(total));
      scores.forEach((score, j) => {
        const p = Math.exp(score - top) / total;
        for (let i = 0; i < D; i += 1)
          o[(t * heads + head) * D + i]! += p * seen[(rows[j]! * kvHeads + kvHead) * D + i]!;
      });
    }
  });
  return { o, lse };
}

export const cases = (act: Activation): OpCase[] => [
  ...attentionShapes.map((shape) => attentionBackwardCase(act, shape, segmentStarts(shape.segments))),
  attentionBackwardCase(act, attentionShapes[3]!, windowStarts(100)),
  attentionBackwardCase(act, attentionShapes[2]!, segmentStarts(attentionShapes[2]!.segments), 1.5),
  attentionBackwardCase(act, attentionShapes[3]!, windowStarts(130), 50),
];
