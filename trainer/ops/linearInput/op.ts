/**
 * The gradient to a linear's input: dx = dy·w + tailScale · tailX·tailW + add.
 * dy [T, out] · w [out, in] · tailX [T, r] · tailW [r, in] · add [T, in] → dx [T, in].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add as addition } from "../add/op.ts";
import { castTo } from "../cast/op.ts";
import { productScratch } from "../scratch.ts";
import { expectShape, facts, matrix } from "../shapes.ts";

export const linearInput = defineOp({
  name: "linearInput",
  inputs: ["dy", "w", "tailX?", "tailW?", "add?"],
  outputs: ["dx"],
  attributes: { tailScale: "f32" },
  infer({ dy, w, tailX, tailW, add }) {
    const [tokens, out] = matrix("linearInput", "dy", dy);
    const [, width] = matrix("linearInput", "w", w);
    expectShape("linearInput", "w", w, [out, width]);
    if ((tailX === undefined) !== (tailW === undefined)) throw new Error("linearInput: tailX and tailW come together");
    if (tailX && tailW) {
      expectShape("linearInput", "tailX", tailX, [tokens, tailW.shape[0] ?? 0]);
      expectShape("linearInput", "tailW", tailW, [widthOf(tailX), width]);
    }
    expectShape("linearInput", "add", add, [tokens, width]);
    return { dx: facts(dy.dtype, tokens, width) };
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
  scratch: ({ dy, tailX }) => productScratch(rowsOf(dy), widthOf(dy), tailX && widthOf(tailX)),
});
