/**
 * y = scale · x·(a ⊗ b)ᵀ + residual, without forming the Kronecker product: a row of x is m blocks of n columns, a mixes
 * the blocks and b the columns of each.
 * a [l, m] · b [k, n] · x [T, m·n] · residual [T, l·k] → y [T, l·k].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { real } from "../attributes.ts";
import { kroneckerBackward } from "../kroneckerBackward/op.ts";
import { wordBytes } from "../scratch.ts";

export const kronecker = defineOp({
  name: "kronecker",
  meaning: "scale·x·(a ⊗ b)ᵀ + residual",
  inputs: { a: "dense[l,m]", b: "dense[k,n]", x: "act[T,m*n]", "residual?": "act[T,l*k]" },
  outputs: { y: "act[T,l*k]" },
  attributes: { scale: real },
  backward({ graph, operands: { a, b, x }, attributes, gradient, accumulator, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const [ofA, ofB] = [accumulator("a"), accumulator("b")];
    if ((ofA?.scale ?? 1) !== 1 || (ofB?.scale ?? 1) !== 1)
      throw new Error("kronecker: a factor's φ must be θ, unscaled");
    const operands = { a, b, x, dy, dA: ofA?.gradient, dB: ofB?.gradient };
    contribute("residual", { kind: "tensor", tensor: dy });
    contribute("x", { kind: "tensor", tensor: kroneckerBackward.node(graph, operands, attributes).dx });
  },
  flops({ a, b, x }) {
    const [l = 0] = a.shape;
    return 2 * rowsOf(x) * l * (widthOf(x) + (b.shape[0] ?? 0) * widthOf(b));
  },
  scratch: {
    cpu({ a, b }) {
      const [[l = 0], [k = 0, n = 0]] = [a.shape, b.shape];
      return { thread: wordBytes(l * n, l * k), shared: 0 };
    },
  },
});
