/**
 * One direction of an LSTM over the rows of x, from h = c = 0 (Hochreiter & Schmidhuber 1997; gates in PyTorch's order):
 * i, f, g, o = σ, σ, tanh, σ of the four parts of xₜ + w·hₜ₋₁; cₜ = f·cₜ₋₁ + i·g; hₜ = o·tanh(cₜ).
 * x [n, 4·width]: the inputs' part with the biases · w [4·width, width] → y: h [n, width], gates [n, 4·width], cell: c [n, width],
 * before: hₜ₋₁ [n, width] (the last three for the backward pass). `reverse` 1: from the last row to the first.
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf } from "../../graph/tensor.ts";
import { lstmAttributes } from "../attributes.ts";
import { gradientOf } from "../gradWeight/op.ts";
import { lstmBackward } from "../lstmBackward/op.ts";

export const lstm = defineOp({
  name: "lstm",
  meaning: "the hidden states of an LSTM over the rows of x; reverse 1: from the last row",
  inputs: { x: "act[n,4*width]", w: "act[4*width,width]" },
  outputs: { y: "act[n,width]", gates: "act[n,4*width]", cell: "act[n,width]", before: "act[n,width]" },
  attributes: lstmAttributes,
  backward(at) {
    const { graph, operands, outputs, attributes } = at;
    const dy = at.gradient("y");
    if (!dy) return;
    const { gates, cell, before } = outputs;
    const { dx } = lstmBackward.node(graph, { dy, gates, cell, w: operands.w }, attributes);
    gradientOf(at, ["w", operands.w], { dy: dx, x: before });
    at.contribute("x", { kind: "tensor", tensor: dx });
  },
  flops: ({ x, w }) => 2 * rowsOf(x) * (w.shape[0] ?? 0) * (w.shape[1] ?? 0),
});
