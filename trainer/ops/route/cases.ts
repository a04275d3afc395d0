import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { route } from "./op.ts";

/** [tokens, experts, experts of a token] */
export const expertShapes = [
  [1, 1, 1],
  [5, 4, 2],
  [37, 16, 4],
  [9, 70, 8],
] as const;

const expected = (T: number, E: number, topK: number) => ({
  weights: empty("F32", [T, topK]),
  expert: empty("I32", [T * topK]),
  order: empty("I32", [T * topK]),
  place: empty("I32", [T * topK]),
  starts: empty("I32", [E + 1]),
});

export const cases = (act: Activation): OpCase[] => [
  ...expertShapes.flatMap(([T, E, topK]) =>
    [0, 1].map((normalized) => {
      const operands = { logits: random(act, [T, E], 3), ...expected(T, E, topK) };
      return make(route, `${T}×${E}, ${topK}, ${normalized}`, act, { topK, normalized }, operands);
    }),
  ),
  // Equal logits, infinities, and experts without tokens.
  make(
    route,
    "ties",
    act,
    { topK: 2, normalized: 1 },
    {
      logits: { dtype: act, shape: [3, 4], values: [1, 1, 1, 1, 0, 2, 2, 0, -3, Number.NEGATIVE_INFINITY, 4, -3] },
      ...expected(3, 4, 2),
    },
  ),
];

/** Choices as `route` sorts them: every token has distinct experts, and some experts have no token. */
export function sortedChoices(T: number, E: number, topK: number) {
  const used = Math.max(topK, E - 1);
  const expert = Array.from({ length: T * topK }, (_, s) => (3 * Math.floor(s / topK) + (s % topK)) % used);
  const order = expert.map((_, s) => s).sort((a, b) => expert[a]! - expert[b]! || a - b);
  const place = order.map((_, s) => order.indexOf(s));
  const starts = Array.from({ length: E + 1 }, (_, e) => expert.filter((one) => one < e).length);
  const integers = (values: number[]): TestOperand => ({ dtype: "I32", shape: [values.length], values });
  return { expert: integers(expert), order: integers(order), place: integers(place), starts: integers(starts) };
}
