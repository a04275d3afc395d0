import { type Activation, indices, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { dropout } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, x, y }) => {
    const rowKey: TestOperand = { ...indices(2 * T, 1000), dtype: "U32", shape: [T, 2] };
    const rngKey: TestOperand = { dtype: "U32", shape: [2], values: [4294967295, 7] };
    return [make(dropout, label, act, { p: 0.3, tensorId: 9 }, { x: x(), rowKey, rngKey, y })];
  });
