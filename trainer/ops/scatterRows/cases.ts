import { type Activation, empty, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { scatterRows } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x }) => {
    const values = Array.from({ length: T }, (_, r) => (r % 3 === 2 ? -1 : 2 * r));
    const index: TestOperand = { dtype: "I32", shape: [T], values };
    return [make(scatterRows, label, act, {}, { dy: x(), index, dx: empty(act, [2 * T, d]) })];
  });
