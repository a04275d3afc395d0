/** Attention over the cache, with the rows that `cacheAppend/cases.ts` writes into it. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { sinksOf } from "../attention/cases.ts";
import { attentionCached } from "./op.ts";

const shapes = [
  [2, 1, 64],
  [3, 3, 10],
] as const;

/** Positions of 12 tokens in a cache of 3 × 40 rows, and slots of which one in four is padding. */
export function cacheShapes(act: Activation) {
  const [slots, capacity, T] = [3, 40, 12];
  const ofTokens = (value: (t: number) => number): TestOperand => ({
    dtype: "I32",
    shape: [T],
    values: Array.from({ length: T }, (_, t) => value(t)),
  });
  return shapes.map(([heads, kvHeads, headDim]) => ({
    label: `${heads}/${kvHeads}×${headDim}`,
    attributes: { heads, kvHeads, headDim, scale: 0.2 },
    q: [T, heads * headDim],
    slot: ofTokens((t) => (t % 4) - 1),
    position: ofTokens((t) => (t * 7) % capacity),
    row: () => random(act, [T, kvHeads * headDim]),
    cache: () => random(act, [slots, capacity, kvHeads * headDim]),
  }));
}

const variants = [{}, { window: 1 }, { window: 9 }, { softcap: 1.5 }, { softcap: 1.5, window: 9 }];

export const cases = (act: Activation): OpCase[] =>
  [false, true].flatMap((hasSinks) =>
    variants.flatMap((variant) =>
      cacheShapes(act).map(({ label, attributes, q, slot, position, cache }) => {
        const operands = {
          ...{ q: random(act, q), cacheK: cache(), cacheV: cache(), slot, position, o: empty(act, q) },
          ...(hasSinks && { sinks: sinksOf(act, attributes.heads) }),
        };
        const all = { ...attributes, ...variant };
        const name = `${label} ${JSON.stringify(variant)}${hasSinks ? " sinks" : ""}`;
        return make(attentionCached, name, act, all, operands);
      }),
    ),
  );
