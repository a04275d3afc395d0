import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { clampedGlu } from "./op.ts";

/** Rows and columns of the result; values on both sides of the limit. */
export const alternatingShapes = [
  [1, 1],
  [7, 5],
  [5, 64],
  [3, 530],
] as const;
export const unit = { alpha: 1.702, limit: 2 };

export const cases = (act: Activation): OpCase[] =>
  alternatingShapes.map(([T, f]) => {
    const operands = { x: random(act, [T, 2 * f], 2), y: empty(act, [T, f]) };
    return make(clampedGlu, `${T}×${f}`, act, unit, operands);
  });
