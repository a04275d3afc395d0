import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { alternatingShapes, unit } from "../clampedGlu/cases.ts";
import { clampedGluBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  alternatingShapes.map(([T, f]) => {
    const operands = { x: random(act, [T, 2 * f], 2), dy: random(act, [T, f]), dx: empty(act, [T, 2 * f]) };
    return make(clampedGluBackward, `${T}×${f}`, act, unit, operands);
  });
