/**
 * The gradient to a linear's input: dx = dy·w + tailScale · tailX·tailW + add.
 * dy [T, out] · w [out, in] · tailX [T, r] · tailW [r, in] · add [T, in] → dx [T, in].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add as addition } from "../add/op.ts";
import { real } from "../attributes.ts";
import { castTo } from "../cast/op.ts";
import { productScratch } from "../scratch.ts";

export const linearInput = defineOp({
  name: "linearInput",
  meaning: "dy·w + tailScale·tailX·tailW + add",
  inputs: { dy: "act[T,out]", w: "weight[out,in]", "tailX?": "act[T,r]", "tailW?": "dense[r,in]", "add?": "act[T,in]" },
  outputs: { dx: "act[T,in]" },
  attributes: { tailScale: real },
  together: [["tailX", "tailW"]],
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
