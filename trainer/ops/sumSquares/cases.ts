import { type Activation, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { sumSquares } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, x }) => [
    make(sumSquares, label, act, {}, { x: x(), total: { dtype: "F64", shape: [1], values: [2] } }),
  ]);
