import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { openGates } from "./op.ts";

export const openAttributes = { shift: 0.2, weight: 0.7 };
const group: TestOperand = { dtype: "F32", shape: [1], values: [-0.4] };
/** The group's gate, in every other case. */
export const groupOf = (index: number) => (index % 2 === 0 ? { group } : {});

/** In F32, the type of parameters. */
export const cases = (act: Activation): OpCase[] => {
  let index = 0;
  if (act !== "F32") return [];
  return rowCases(act, ({ label, T, d }) => {
    const operands = { alpha: random(act, [T, d], 2), ...groupOf(index++) };
    return [
      make(openGates, label, act, openAttributes, { ...operands, loss: { dtype: "F64", shape: [1], values: [2] } }),
    ];
  });
};
