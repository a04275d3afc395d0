import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { gateAttributes, gateOperands } from "../hardConcrete/cases.ts";
import { hardConcreteBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] => {
  let index = 0;
  return rowCases(act, ({ label, T, d, x }) => {
    const [given, sum] = [gateOperands(index++), () => random("F32", [T, d])];
    const operands = { w: sum(), alpha: random("F32", [T, d], 2), ...given, dY: x(), dW: sum(), dAlpha: sum() };
    const dGroup = given.group && { dGroup: random("F32", [1]) };
    return [make(hardConcreteBackward, label, act, gateAttributes, { ...operands, ...dGroup })];
  });
};
