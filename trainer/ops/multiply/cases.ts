import { type Activation, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { multiply } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, x, y }) => [make(multiply, label, act, {}, { a: x(), b: x(), y })]);
