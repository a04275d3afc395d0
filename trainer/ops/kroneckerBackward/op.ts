/**
 * The gradients of `kronecker`: dx = scale · dy·(a ⊗ b), dA[i,c] += scale · Σ dy[t,(i,j)]·b[j,d]·x[t,(c,d)], and dB alike.
 * a [l, m] · b [k, n] · x, dx [T, m·n] · dy [T, l·k] · dA F32[l, m] · dB F32[k, n].
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf, rowsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { lanes, roundUp, wordBytes } from "../scratch.ts";

/** Sums over the tokens are of so many pieces at most, added in order. */
const mostPieces = 16;
const leastRows = 64;

export const kroneckerBackward = defineOp({
  name: "kroneckerBackward",
  meaning: "its gradients; those of the factors over the tokens in order",
  inputs: { a: "dense[l,m]", b: "dense[k,n]", x: "act[T,m*n]", dy: "act[T,l*k]" },
  accumulates: { "dA?": "sum[l,m]", "dB?": "sum[k,n]" },
  outputs: { dx: "act[T,m*n]" },
  attributes: { scale: real },
  flops({ a, b, x }) {
    const [l = 0] = a.shape;
    return 6 * rowsOf(x) * l * (widthOf(x) + (b.shape[0] ?? 0) * widthOf(b));
  },
  scratch: {
    cpu({ a, b, x }) {
      const [l = 0] = a.shape;
      const pieces = Math.ceil(rowsOf(x) / Math.max(leastRows, Math.ceil(rowsOf(x) / mostPieces)));
      const sums = roundUp(elementsOf(a.shape), lanes) + roundUp(elementsOf(b.shape), lanes);
      return { thread: wordBytes(l * widthOf(b), l * widthOf(b)), shared: wordBytes(pieces * sums) };
    },
  },
});
