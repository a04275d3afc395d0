/** Odd sizes, several tasks and pieces, and factors of one row or column. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { kronecker } from "./op.ts";

/** [tokens, l, m, k, n] */
export const kroneckerShapes: readonly (readonly [number, number, number, number, number])[] = [
  [1, 1, 1, 1, 1],
  [19, 3, 5, 7, 4],
  [150, 2, 4, 18, 33],
  [5, 1, 6, 20, 1],
];

/** a, b and x of such a shape. */
export function kroneckerOperands(act: Activation, [tokens, l, m, k, n]: (typeof kroneckerShapes)[number]) {
  const factor = (shape: readonly number[]): TestOperand => random("F32", shape);
  return { a: factor([l, m]), b: factor([k, n]), x: random(act, [tokens, m * n]) };
}

export const cases = (act: Activation): OpCase[] =>
  kroneckerShapes.map((shape, index) => {
    const [tokens, l, , k] = shape;
    const residual = index % 2 === 1 ? { residual: random(act, [tokens, l * k]) } : {};
    const operands = { ...kroneckerOperands(act, shape), ...residual, y: empty(act, [tokens, l * k]) };
    return make(kronecker, shape.join("×"), act, { scale: 0.4 }, operands);
  });
