import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { gradBias } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, d, x }) => [
    make(gradBias, label, act, { scale: 0.75 }, { dy: x(), dBias: random("F32", [d]) }),
  ]);
