import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { columnProducts } from "./op.ts";

/** [r, s, n] */
export const columnProductShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [3, 2, 37],
  [4, 4, 1030],
];

export const cases = (act: Activation): OpCase[] =>
  columnProductShapes.map(([r, s, n]) => {
    const operands = { a: random(act, [r, n]), b: random(act, [s, n]), y: empty(act, [r * s, n]) };
    return make(columnProducts, `${r}×${s} of ${n}`, act, {}, operands);
  });
