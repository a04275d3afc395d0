import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertRows, matrices } from "../expertLinear/cases.ts";
import { expertGradWeight } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertRows.map(({ label, experts, rows, starts }) => {
    const operands = { dy: random(act, [rows, 21]), x: random(act, [rows, 35]), starts };
    const dW = matrices("F32", [21, 35], experts);
    return make(expertGradWeight, label, act, { experts, scale: 0.25 }, { ...operands, dW });
  });
