/**
 * loss += Σ_r lossWeight[r] · nll[r], nll = logsumexp(h·wᵀ) − (h·wᵀ)[target], the vocabulary in chunks: the logits are
 * never all in memory. Gradients come from the same pass: dh is of the weighted loss, dW accumulates.
 * h [R, d] · w [V, d] · target i32[R] · lossWeight F32[R] · loss F64[1] · dW F32[V, d] → nll F32[R], dh [R, d].
 */
import { defineOp, moreScratch, noScratch } from "../../graph/op.ts";
import { aligned, rowsOf, widthOf } from "../../graph/tensor.ts";
import { gradientScratch, productScratch, wordBytes } from "../scratch.ts";
import { expectShape, facts, like, matrix } from "../shapes.ts";

/** Of the vocabulary. */
const chunk = 1024;

export const linearCrossEntropy = defineOp({
  name: "linearCrossEntropy",
  inputs: ["h", "w", "target", "lossWeight"],
  accumulates: ["loss", "dW?"],
  outputs: ["nll", "dh?"],
  isLoss: true,
  infer({ h, w, target, lossWeight, dW }) {
    const [rows, width] = matrix("linearCrossEntropy", "h", h);
    expectShape("linearCrossEntropy", "w", w, [w.shape[0] ?? 0, width]);
    expectShape("linearCrossEntropy", "dW", dW, w.shape);
    expectShape("linearCrossEntropy", "target", target, [rows]);
    expectShape("linearCrossEntropy", "lossWeight", lossWeight, [rows]);
    return { nll: facts("F32", rows), dh: like(h) };
  },
  backward({ outputs: { dh }, wants, contribute }) {
    if (!wants("h")) return;
    if (!dh) throw new Error("linearCrossEntropy: its input is trained, yet dh was not asked for");
    contribute("h", { kind: "tensor", tensor: dh });
  },
  flops({ h, w, dW }, { outputs }) {
    const product = 2 * rowsOf(h) * (w.shape[0] ?? 0) * (w.shape[1] ?? 0);
    return product * (1 + (dW ? 1 : 0) + (outputs.includes("dh") ? 1 : 0));
  },
  /** A chunk's logits and their exponentials, three sums and dh's numerator a row; the products of either. */
  scratch({ h, dW }) {
    const [rows, width] = [rowsOf(h), widthOf(h)];
    const exponentials = aligned(rows * chunk * (h.dtype === "BF16" ? 2 : 4));
    const shared = wordBytes(3 * rows, rows * chunk, rows * width) + exponentials;
    const products = moreScratch(productScratch(rows, width), productScratch(rows, chunk));
    return { ...moreScratch(products, dW ? gradientScratch : noScratch), shared };
  },
});
