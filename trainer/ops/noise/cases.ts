import { type Activation, indices, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { noise } from "./op.ts";

/** Rows of padding among them. */
export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, x, y }) => {
    const rowKey: TestOperand = { ...indices(2 * T, 1000), dtype: "U32", shape: [T, 2] };
    const rngKey: TestOperand = { dtype: "U32", shape: [2], values: [4294967295, 7] };
    const operands = { x: x(), length: indices(T, 40), rowKey, rngKey, y };
    return [make(noise, label, act, { alpha: 5, tensorId: -1 }, operands)];
  });
