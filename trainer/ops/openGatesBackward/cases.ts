import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { groupOf, openAttributes } from "../openGates/cases.ts";
import { openGatesBackward } from "./op.ts";

/** In F32, the type of parameters. */
export const cases = (act: Activation): OpCase[] => {
  let index = 0;
  if (act !== "F32") return [];
  return rowCases(act, ({ label, T, d, x }) => {
    const given = groupOf(index++);
    const dGroup = "group" in given && { dGroup: random(act, [1]) };
    const operands = { alpha: random(act, [T, d], 2), ...given, dAlpha: x(), ...dGroup };
    return [make(openGatesBackward, label, act, openAttributes, operands)];
  });
};
