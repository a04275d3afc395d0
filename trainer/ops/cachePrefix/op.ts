/**
 * Rows 0..n−1 of every slot of a cache: cacheK[slot, i] = prefixK[i], and cacheV alike. Later rows follow it.
 * prefixK, prefixV [n, e] · cacheK, cacheV [slots, capacity, e].
 */
import { defineOp } from "../../graph/op.ts";

export const cachePrefix = defineOp({
  name: "cachePrefix",
  meaning: "writes the prefix into the first rows of every slot",
  inputs: { prefixK: "act[n,e]", prefixV: "act[n,e]" },
  accumulates: { cacheK: "act[slots,capacity,e]", cacheV: "act[slots,capacity,e]" },
  outputs: {},
});
