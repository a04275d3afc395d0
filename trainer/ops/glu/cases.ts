import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { glu } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x, y }) => [
    make(glu, label, act, { activation: 0 }, { gate: random(act, [T, d], 4), up: x(), y }),
  ]);
