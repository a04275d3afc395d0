/**
 * The gradient of a linear's input, and the product of matrices in general: dx = dy·w + tailScale · tailX·tailW + add.
 * dy [T, out] · w [out, in] · tailX [T, r] · tailW [r, in] · add [T, in] → dx [T, in].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add as addition } from "../add/op.ts";
import { real } from "../attributes.ts";
import { castTo } from "../cast/op.ts";
import { gradientOf } from "../gradWeight/op.ts";
import { linear } from "../linear/op.ts";
import { productScratch } from "../scratch.ts";

export const linearInput = defineOp({
  name: "linearInput",
  meaning: "dy·w + tailScale·tailX·tailW + add",
  inputs: { dy: "act[T,out]", w: "weight[out,in]", "tailX?": "act[T,r]", "tailW?": "dense[r,in]", "add?": "act[T,in]" },
  outputs: { dx: "act[T,in]" },
  attributes: { tailScale: real },
  together: [["tailX", "tailW"]],
  backward(at) {
    const { graph, operands, attributes, contribute } = at;
    const { dy, w, tailX, tailW } = operands;
    const given = at.gradient("dx");
    if (!given) return;
    const through = (matrix: Tensor) => linear.node(graph, { x: given, w: matrix }, { tailScale: 1 }).y;
    contribute("add", { kind: "tensor", tensor: given });
    if (tailX && tailW) {
      const { tailScale } = attributes;
      gradientOf(at, ["tailW", tailW], { dy: tailX, x: given }, tailScale);
      if (at.wants("tailX"))
        contribute("tailX", { kind: "tensor", tensor: castTo(graph, through(tailW), tailX.dtype, tailScale) });
    }
    gradientOf(at, ["w", w], { dy, x: given });
    if (at.wants("dy")) contribute("dy", { kind: "tensor", tensor: through(w) });
  },
  expand(graph, { dy, w, tailX, tailW, add }, { tailScale }): { dx: Tensor } {
    let { dx } = linearInput.node(graph, { dy, w }, { tailScale: 1 });
    if (tailX && tailW) {
      const tail = linearInput.node(graph, { dy: tailX, w: tailW }, { tailScale: 1 }).dx;
      dx = addition.node(graph, { a: dx, b: castTo(graph, tail, tail.dtype, tailScale) }, {}).y;
    }
    return { dx: add ? addition.node(graph, { a: dx, b: add }, {}).y : dx };
  },
  flops({ dy, w, tailX }) {
    const [out = 0, width = 0] = w.shape;
    return 2 * rowsOf(dy) * width * (out + (tailX ? widthOf(tailX) : 0));
  },
  scratch: { cpu: ({ dy, tailX }) => productScratch(rowsOf(dy), widthOf(dy), tailX && widthOf(tailX)) },
});
