/**
 * y = x·wᵀ + tailScale · tailX·tailWᵀ + bias + residual.
 * x [T, in] · w [out, in] · tailX [T, r] · tailW [out, r] · bias [out] · residual [T, out] → y [T, out].
 *
 * The tail shares the accumulators of the main product, so a low-rank update costs r/in more and no extra pass over y.
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add } from "../add/op.ts";
import { real } from "../attributes.ts";
import { castTo } from "../cast/op.ts";
import { accumulateBias } from "../gradBias/op.ts";
import { gradientOf } from "../gradWeight/op.ts";
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
  backward(at) {
    const { operands, attributes, contribute } = at;
    const { tailScale } = attributes;
    const dy = at.gradient("y");
    if (!dy) return;
    const { x, w, tailX, tailW } = operands;
    accumulateBias(at.graph, dy, at.accumulator("bias"));
    contribute("residual", { kind: "tensor", tensor: dy });
    if (tailX && tailW) {
      gradientOf(at, ["tailW", tailW], { dy, x: tailX }, tailScale);
      contribute("tailX", { kind: "product", dy, w: tailW, scale: tailScale });
    }
    gradientOf(at, ["w", w], { dy, x });
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
