/**
 * Attention over the cache: row t sees cache[slot[t]][0..position[t]]; prefill and decode are this one op. Slot −1
 * gives zeros. q [T, H·D] · cacheK, cacheV [slots, capacity, G·D] · slot, position i32[T] → o [T, H·D].
 */
import { defineOp } from "../../graph/op.ts";
import { wordBytes } from "../scratch.ts";
import { expectShape, like } from "../shapes.ts";

export const attentionCached = defineOp({
  name: "attentionCached",
  inputs: ["q", "cacheK", "cacheV", "slot", "position"],
  outputs: ["o"],
  attributes: { heads: "i32", kvHeads: "i32", headDim: "i32", scale: "f32" },
  infer({ q, cacheK, cacheV }, { heads, kvHeads, headDim }) {
    const [slots = 0, capacity = 0] = cacheK.shape;
    expectShape("attentionCached", "q", q, [q.shape[0] ?? 0, heads * headDim]);
    expectShape("attentionCached", "cacheK", cacheK, [slots, capacity, kvHeads * headDim]);
    expectShape("attentionCached", "cacheV", cacheV, cacheK.shape);
    return { o: like(q) };
  },
  flops: ({ q }, { keys }) => 2 * 2 * ((q.shape[0] ?? 0) * (q.shape[1] ?? 0)) * (keys / 2),
  scratch: ({ cacheK }) => ({ thread: wordBytes(cacheK.shape[1] ?? 0), shared: 0 }),
});
