/**
 * The gradient of an LSTM's inputs, through all of its steps: dhₜ = dyₜ + wᵀ·dxₜ₊₁, dcₜ = dhₜ·o·(1 − tanh²cₜ) + dcₜ₊₁·fₜ₊₁.
 * dy, cell [n, width] · gates [n, 4·width] · w [4·width, width] → dx [n, 4·width].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { lstmAttributes } from "../attributes.ts";
import { wordBytes } from "../scratch.ts";

export const lstmBackward = defineOp({
  name: "lstmBackward",
  meaning: "the gradient of `lstm`'s x, through all of its steps",
  inputs: { dy: "act[n,width]", gates: "act[n,4*width]", cell: "act[n,width]", w: "act[4*width,width]" },
  outputs: { dx: "act[n,4*width]" },
  attributes: lstmAttributes,
  flops: ({ gates, w }) => 2 * rowsOf(gates) * (w.shape[0] ?? 0) * (w.shape[1] ?? 0),
  scratch: {
    cpu: ({ cell }) => ({ thread: 0, shared: wordBytes(cell.shape[1] ?? 0) }),
    cuda: ({ cell }) => ({ thread: 0, shared: wordBytes(cell.shape[1] ?? 0) }),
  },
});
