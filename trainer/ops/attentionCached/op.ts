/**
 * Attention over the cache: row t sees cache[slot[t]][0..position[t]], with a window of w only the last w of them;
 * prefill and decode are this one op. Slot −1 gives zeros. q [T, H·D] · cacheK, cacheV [slots, capacity, G·D] · slot, position i32[T] · sinks [H] → o [T, H·D].
 */
import { defineOp } from "../../graph/op.ts";
import { attentionAttributes } from "../attributes.ts";
import { cacheIndices } from "../cacheIndices.ts";
import { wordBytes } from "../scratch.ts";

export const attentionCached = defineOp({
  name: "attentionCached",
  meaning:
    "row t sees cache[slot[t]][0..position[t]], the last `window` of it; prefill and decode are this one op; slot −1 gives zeros",
  inputs: {
    q: "act[T,heads*headDim]",
    cacheK: "act[slots,capacity,kvHeads*headDim]",
    cacheV: "act[slots,capacity,kvHeads*headDim]",
    slot: "i32[T]",
    position: "i32[T]",
    "sinks?": "dense[heads]",
  },
  outputs: { o: "act[T,heads*headDim]" },
  attributes: { ...attentionAttributes, "window?": { type: "i32", min: 0 } },
  indices: cacheIndices,
  flops: ({ q }, { keys }) => 2 * 2 * ((q.shape[0] ?? 0) * (q.shape[1] ?? 0)) * (keys / 2),
  scratch: { cpu: ({ cacheK }) => ({ thread: wordBytes(cacheK.shape[1] ?? 0), shared: 0 }) },
});
