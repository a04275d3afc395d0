import { type Activation, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { fill } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, y }) => [make(fill, label, act, { value: 1.7 }, { y })]);
