/**
 * The products of columns with columns (Khatri & Rao 1968): y[i·s + j, c] = a[i, c] · b[j, c].
 * a [r, n] · b [s, n] → y [r·s, n]. (p·a) ⊙ (q·b) = (pᵀ products qᵀ)ᵀ · (a products b).
 */
import { defineOp } from "../../graph/op.ts";
import { columnProductsBackward } from "../columnProductsBackward/op.ts";

export const columnProducts = defineOp({
  name: "columnProducts",
  meaning: "y[i·s + j, c] = a[i, c]·b[j, c]",
  inputs: { a: "act[r,n]", b: "act[s,n]" },
  outputs: { y: "act[r*s,n]" },
  backward({ graph, operands: { a, b }, gradient, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const { da, db } = columnProductsBackward.node(graph, { a, b, dy }, {});
    contribute("a", { kind: "tensor", tensor: da });
    contribute("b", { kind: "tensor", tensor: db });
  },
});
