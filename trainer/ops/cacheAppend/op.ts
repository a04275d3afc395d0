/**
 * cacheK[slot[t], position[t]] = k[t], and v alike; slot −1 is skipped.
 * k, v [T, G·D] · slot, position i32[T] · cacheK, cacheV [slots, capacity, G·D].
 */
import { defineOp } from "../../graph/op.ts";
import { cacheIndices } from "../cacheIndices.ts";

export const cacheAppend = defineOp({
  name: "cacheAppend",
  meaning: "writes a row per token into the cache; slot −1 is skipped",
  inputs: { k: "act[T,e]", v: "act[T,e]", slot: "i32[T]", position: "i32[T]" },
  accumulates: { cacheK: "act[slots,capacity,e]", cacheV: "act[slots,capacity,e]" },
  outputs: {},
  indices: cacheIndices,
  distinct: ["slot", "position"],
});
