/**
 * cacheK[slot[t], position[t]] = k[t], and v alike; slot −1 is skipped.
 * k, v [T, G·D] · slot, position i32[T] · cacheK, cacheV [slots, capacity, G·D].
 */
import { defineOp } from "../../graph/op.ts";
import { widthOf } from "../../graph/tensor.ts";
import { expectShape } from "../shapes.ts";

export const cacheAppend = defineOp({
  name: "cacheAppend",
  inputs: ["k", "v", "slot", "position"],
  accumulates: ["cacheK", "cacheV"],
  outputs: [],
  infer({ k, v, slot, position, cacheK, cacheV }) {
    expectShape("cacheAppend", "v", v, k.shape);
    expectShape("cacheAppend", "slot", slot, [k.shape[0] ?? 0]);
    expectShape("cacheAppend", "position", position, [k.shape[0] ?? 0]);
    expectShape("cacheAppend", "cacheV", cacheV, cacheK.shape);
    if (widthOf(cacheK) !== widthOf(k)) throw new Error("cacheAppend: the cache's rows are not as wide as k");
    return {};
  },
});
