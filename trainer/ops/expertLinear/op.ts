/**
 * A linear layer of each expert on its rows: y[p] = x[p]·w_eᵀ + tailX[p]·tailW_eᵀ + bias[e] for the rows p of expert e, which
 * `starts` gives. x [P, in] · w E × [out, in] · tailX [P, r] · tailW E × [out, r] · bias [E, out] → y [P, out].
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, widthOf } from "../../graph/tensor.ts";
import { experts } from "../attributes.ts";
import { accumulateExpertBias } from "../expertGradBias/op.ts";
import { gradientOfExperts } from "../expertGradWeight/op.ts";
import { expertInput } from "../expertInput/op.ts";
import { expertScratch } from "../scratch.ts";

export const expertLinear = defineOp({
  name: "expertLinear",
  meaning: "x[p]·w_eᵀ + tailX[p]·tailW_eᵀ + bias[e] for the rows p of each expert e",
  inputs: {
    x: "act[P,in]",
    w: "weight[out,in]×experts",
    starts: "i32[experts+1]",
    "tailX?": "act[P,r]",
    "tailW?": "dense[out,r]×experts",
    "bias?": "dense[experts,out]",
  },
  outputs: { y: "act[P,out]" },
  attributes: { experts },
  together: [["tailX", "tailW"]],
  indices: [{ operand: "starts", ascendsTo: "P" }],
  backward(at) {
    const { graph, operands, attributes, contribute } = at;
    const { x, w, starts, tailX, tailW } = operands;
    const dy = at.gradient("y");
    if (!dy) return;
    if (tailX && tailW) {
      gradientOfExperts(at, "tailW", { dy, x: tailX, starts }, attributes);
      if (at.wants("tailX")) {
        const { dx } = expertInput.node(graph, { dy, w: tailW, starts }, attributes);
        contribute("tailX", { kind: "tensor", tensor: dx });
      }
    }
    accumulateExpertBias(graph, { dy, starts }, at.accumulator("bias"), attributes);
    gradientOfExperts(at, "w", { dy, x, starts }, attributes);
    if (!at.wants("x")) return;
    const make = (sum: typeof x | undefined) => expertInput.node(graph, { dy, w, starts, add: sum }, attributes).dx;
    contribute("x", { kind: "into", make });
  },
  flops({ x, w, tailX }) {
    const [out = 0, width = 0] = w.shape;
    return 2 * rowsOf(x) * out * (width + (tailX ? widthOf(tailX) : 0));
  },
  scratch: { cpu: ({ x, tailX }) => expertScratch(rowsOf(x), widthOf(x), tailX && widthOf(tailX)) },
});
