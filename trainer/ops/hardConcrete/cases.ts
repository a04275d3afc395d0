/** Gates of every kind: open, closed and between; with and without random numbers and the matrix's own gate. */
import { type Activation, empty, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { hardConcrete } from "./op.ts";

export const gateAttributes = { low: -1.5, high: 1.5, site: 3 };

/** The optional operands, by the place of a case. */
export function gateOperands(index: number): Record<string, TestOperand> {
  const rngKey: TestOperand = { dtype: "U32", shape: [2], values: [4294967295, 7] };
  const group: TestOperand = { dtype: "F32", shape: [1], values: [0.3] };
  return { ...(index % 2 === 0 && { group }), ...(index % 3 !== 1 && { rngKey }) };
}

export const cases = (act: Activation): OpCase[] => {
  let index = 0;
  return rowCases(act, ({ label, T, d }) => {
    const operands = { w: random("F32", [T, d]), alpha: random("F32", [T, d], 2), ...gateOperands(index++) };
    return [make(hardConcrete, label, act, gateAttributes, { ...operands, y: empty(act, [T, d]) })];
  });
};
