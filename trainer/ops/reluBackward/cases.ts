import { type Activation, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { reluBackward } from "./op.ts";

/** y holds negative numbers too, which `relu` never gives; their gradient is 0. */
export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, x, y }) => [make(reluBackward, label, act, {}, { dy: x(), y: x(), dx: y })]);
