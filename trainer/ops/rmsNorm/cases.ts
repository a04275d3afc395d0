/** Rows that are normalised whole, and rows whose heads are normalised separately. */
import { type Activation, asWeight, empty, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { rmsNorm } from "./op.ts";

const eps = 1e-5;

const ofHeads = [
  [3, 2, 8],
  [70, 3, 34],
] as const;

export const cases = (act: Activation): OpCase[] => [
  ...rowCases(act, ({ label, T, d, x, y }) => {
    const [weight, rstd] = [asWeight(random(act, [d])), empty("F32", [T])];
    return [
      make(rmsNorm, label, act, { eps }, { x: x(), weight, y, rstd }),
      make(rmsNorm, `${label} offset`, act, { eps, offset: 1 }, { x: x(), weight, y, rstd }),
      make(rmsNorm, `${label} with residual`, act, { eps }, { x: x(), weight, residual: x(), y, rstd, sum: y }),
    ];
  }),
  ...ofHeads.map(([T, heads, headDim]) => {
    const shape = [T, heads * headDim];
    const [x, y] = [() => random(act, shape), empty(act, shape)];
    const [weight, rstd] = [asWeight(random(act, [headDim])), empty("F32", [T * heads])];
    const operands = { x: x(), weight, residual: x(), y, rstd, sum: y };
    return make(rmsNorm, `${T}×${heads}×${headDim}`, act, { eps }, operands);
  }),
];
