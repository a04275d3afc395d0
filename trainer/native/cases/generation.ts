/** Keys and values in the cache, and attention over them. */
import { attentionCached } from "../../ops/attentionCached/op.ts";
import { cacheAppend } from "../../ops/cacheAppend/op.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { type Activation, empty, make, random } from "./operands.ts";

export function cacheCases(act: Activation): OpCase[] {
  const [slots, capacity, T] = [3, 40, 12];
  const slot: TestOperand = { dtype: "I32", shape: [T], values: Array.from({ length: T }, (_, t) => (t % 4) - 1) };
  const position: TestOperand = {
    dtype: "I32",
    shape: [T],
    values: Array.from({ length: T }, (_, t) => (t * 7) % capacity),
  };
  return (
    [
      [2, 1, 64],
      [3, 3, 10],
    ] as const
  ).flatMap(([heads, kvHeads, headDim]) => {
    const cache = () => random(act, [slots, capacity, kvHeads * headDim]);
    const row = () => random(act, [T, kvHeads * headDim]);
    const q = [T, heads * headDim];
    const label = `${heads}/${kvHeads}×${headDim}`;
    return [
      make(cacheAppend, label, act, {}, { k: row(), v: row(), slot, position, cacheK: cache(), cacheV: cache() }),
      make(
        attentionCached,
        label,
        act,
        { heads, kvHeads, headDim, scale: 0.2 },
        { q: random(act, q), cacheK: cache(), cacheV: cache(), slot, position, o: empty(act, q) },
      ),
    ];
  });
}
