import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertRows } from "../expertLinear/cases.ts";
import { expertGradBias } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertRows.map(({ label, experts, rows, starts }) => {
    const operands = { dy: random(act, [rows, 21]), starts, dBias: random("F32", [experts, 21]) };
    return make(expertGradBias, label, act, { experts, scale: 0.5 }, operands);
  });
