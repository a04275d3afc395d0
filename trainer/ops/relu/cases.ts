import { type Activation, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { relu } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, x, y }) => [make(relu, label, act, {}, { x: x(), y })]);
