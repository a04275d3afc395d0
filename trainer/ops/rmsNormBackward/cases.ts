/** Rows that are normalised whole, and rows whose heads are normalised separately. */
import { type Activation, asWeight, empty, inverseNorms, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { rmsNormBackward } from "./op.ts";

const ofHeads = [
  [3, 2, 8],
  [70, 3, 34],
] as const;

export const cases = (act: Activation): OpCase[] => [
  ...rowCases(act, ({ label, T, d, x, y }) => {
    const [weight, rstd, dWeight] = [asWeight(random(act, [d])), inverseNorms(T), random("F32", [d])];
    const operands = { dy: x(), h: x(), weight, rstd, dSum: x(), dWeight, dx: y };
    return [
      make(rmsNormBackward, label, act, {}, { dy: x(), h: x(), weight, rstd, dx: y }),
      make(rmsNormBackward, `${label} with dWeight`, act, {}, operands),
      make(rmsNormBackward, `${label} offset`, act, { offset: 1 }, operands),
    ];
  }),
  ...ofHeads.map(([T, heads, headDim]) => {
    const shape = [T, heads * headDim];
    const x = () => random(act, shape);
    const [weight, rstd, dWeight] = [
      asWeight(random(act, [headDim])),
      inverseNorms(T * heads),
      random("F32", [headDim]),
    ];
    const operands = { dy: x(), h: x(), weight, rstd, dSum: x(), dWeight, dx: empty(act, shape) };
    return make(rmsNormBackward, `${T}×${heads}×${headDim}`, act, {}, operands);
  }),
];
