/**
 * loss += Σ_r lossWeight[r] · nll[r], nll = logsumexp(h·wᵀ) − (h·wᵀ)[target], the vocabulary in chunks: the logits are
 * never all in memory. With smoothing ε, nll becomes (1 − ε)·nll + ε · the mean of −log p over the vocabulary (Szegedy et al.
 * 2016). With a softcap c the logits are c·tanh(h·wᵀ/c) instead of h·wᵀ. Gradients come from the same pass: dh is of the
 * weighted loss, dW accumulates.
 * If a later op gives the gradient of nll instead, the backward pass is this op again, weighted by that gradient.
 * h [R, d] · w [V, d] · target i32[R] · lossWeight F32[R] · loss F64[1] · dW F32[V, d] → nll F32[R], dh [R, d].
 */
import { defineOp, moreScratch, type NodeBuilder, noScratch } from "../../graph/op.ts";
import { aligned, rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { share, softcap } from "../attributes.ts";
import { fill } from "../fill/op.ts";
import { gradientScratch, productScratch, wordBytes } from "../scratch.ts";

/** The chunk of the vocabulary, and the rows of which the cuda kernels hold all logits. */
const chunk = 1024;
const cudaRows = 256;

export const linearCrossEntropy = defineOp({
  name: "linearCrossEntropy",
  meaning:
    "Σ lossWeight·nll, smoothed over the vocabulary; dh already weighted; rows of weight 0 give nll 0 and dh 0; vocabulary in chunks, in order",
  inputs: { h: "act[R,d]", w: "dense[V,d]", target: "i32[R]", lossWeight: "sum[R]" },
  accumulates: { loss: "f64[1]", "dW?": "sum[V,d]" },
  outputs: { nll: "sum[R]", "dh?": "act[R,d]" },
  attributes: { "softcap?": softcap, "smoothing?": share },
  indices: [{ operand: "target", below: "V", where: "lossWeight" }],
  isLoss: true,
  backward({ graph, operands, outputs: { dh }, attributes, gradient, wants, accumulator, contribute }) {
    const dNll = gradient("nll");
    if (dNll) {
      const { h, w, target } = operands;
      const weighted = { h, w, target, lossWeight: dNll, loss: noLoss(graph), dW: accumulator("w")?.gradient };
      const made = linearCrossEntropy.node(graph, weighted, attributes, wants("h") ? ["dh"] : []);
      if (made.dh) contribute("h", { kind: "tensor", tensor: made.dh });
      return;
    }
    if (!wants("h")) return;
    if (!dh) throw new Error("linearCrossEntropy: its input is trained, so request dh");
    contribute("h", { kind: "tensor", tensor: dh });
  },
  flops({ h, w, dW }, { outputs }) {
    const product = 2 * rowsOf(h) * (w.shape[0] ?? 0) * (w.shape[1] ?? 0);
    return product * (1 + (dW ? 1 : 0) + (outputs.includes("dh") ? 1 : 0));
  },
  /** A chunk's logits and their exponentials, four sums and dh's numerator per row, and scratch of the products. */
  scratch: {
    cpu({ h, dW }) {
      const [rows, width] = [rowsOf(h), widthOf(h)];
      const exponentials = aligned(rows * chunk * (h.dtype === "BF16" ? 2 : 4));
      const shared = wordBytes(4 * rows, rows * chunk, rows * width) + exponentials;
      const products = moreScratch(productScratch(rows, width), productScratch(rows, chunk));
      return { ...moreScratch(products, dW ? gradientScratch : noScratch), shared };
    },
    /** The logits of a block of rows. */
    cuda: ({ h, w }) => ({ thread: 0, shared: wordBytes(Math.min(rowsOf(h), cudaRows) * (w.shape[0] ?? 0)) }),
  },
});

/** A loss that no op reads, for a node of which only nll is used. */
export function noLoss(graph: NodeBuilder): Tensor {
  const y = graph.activation("noLoss", { dtype: "F64", shape: [1] });
  fill.into(graph, {}, { value: 0 }, { y });
  return y;
}
