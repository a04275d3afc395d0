/**
 * da[i, c] = Σⱼ dy[i·s + j, c]·b[j, c]; db[j, c] = Σᵢ dy[i·s + j, c]·a[i, c].
 * a, da [r, n] · b, db [s, n] · dy [r·s, n].
 */
import { defineOp } from "../../graph/op.ts";

export const columnProductsBackward = defineOp({
  name: "columnProductsBackward",
  meaning: "its gradients, column by column",
  inputs: { a: "act[r,n]", b: "act[s,n]", dy: "act[r*s,n]" },
  outputs: { da: "act[r,n]", db: "act[s,n]" },
});
