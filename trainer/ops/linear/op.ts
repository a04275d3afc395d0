/**
 * y = x·wᵀ + tailScale · tailX·tailWᵀ + bias + residual.
 * x [T, in] · w [out, in] · tailX [T, r] · tailW [out, r] · bias [out] · residual [T, out] → y [T, out].
 *
 * The tail shares the accumulators of the main product, so a low-rank update costs r/in more and no extra pass over y.
 */
import { type Accumulator, defineOp, type NodeBuilder } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add } from "../add/op.ts";
import { real } from "../attributes.ts";
import { castTo } from "../cast/op.ts";
import { accumulateBias } from "../gradBias/op.ts";
import { gradWeight } from "../gradWeight/op.ts";
import { productScratch } from "../scratch.ts";

export const linear = defineOp({
  name: "linear",
  meaning: "x·wᵀ + tailScale·tailX·tailWᵀ + bias + residual",
  inputs: {
    x: "act[T,in]",
    w: "weight[out,in]",
    "tailX?": "act[T,r]",
    "tailW?": "dense[out,r]",
    "bias?": "dense[out]",
    "residual?": "act[T,out]",
  },
  outputs: { y: "act[T,out]" },
  attributes: { tailScale: real },
  together: [["tailX", "tailW"]],
  backward({ graph, operands, attributes: { tailScale }, gradient, accumulator, contribute }) {
    const dy = gradient("y");
    if (!dy) return;
    const { x, w, tailX, tailW } = operands;
    accumulateBias(graph, dy, accumulator("bias"));
    contribute("residual", { kind: "tensor", tensor: dy });
    if (tailX && tailW) {
      accumulate(graph, dy, tailX, accumulator("tailW"), tailScale);
      contribute("tailX", { kind: "product", dy, w: tailW, scale: tailScale });
    }
    accumulate(graph, dy, x, accumulator("w"), 1);
    contribute("x", { kind: "product", dy, w, scale: 1 });
  },
  expand(graph, { x, w, tailX, tailW, bias, residual }, { tailScale }): { y: Tensor } {
    let { y } = linear.node(graph, { x, w, bias }, { tailScale: 1 });
    if (tailX && tailW) {
      const tail = linear.node(graph, { x: tailX, w: tailW }, { tailScale: 1 }).y;
      y = add.node(graph, { a: y, b: castTo(graph, tail, tail.dtype, tailScale) }, {}).y;
    }
    return { y: residual ? add.node(graph, { a: y, b: residual }, {}).y : y };
  },
  flops({ x, w, tailX }) {
    const [out = 0, width = 0] = w.shape;
    return 2 * rowsOf(x) * out * (width + (tailX ? widthOf(tailX) : 0));
  },
  scratch: { cpu: ({ x, tailX }) => productScratch(rowsOf(x), widthOf(x), tailX && widthOf(tailX)) },
});

/** dw += scale · dyᵀ·x, if w trains. */
function accumulate(graph: NodeBuilder, dy: Tensor, x: Tensor, into: Accumulator | undefined, scale: number): void {
  if (into) gradWeight.node(graph, { dy, x, dW: into.gradient }, { scale: into.scale * scale });
}
