import { type Activation, asWeight, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertRows, matrices } from "../expertLinear/cases.ts";
import { expertInput } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertRows.flatMap(({ label, experts, rows, starts }) => {
    const operands = { dy: random(act, [rows, 21]), starts, dx: empty(act, [rows, 35]) };
    const sum = { w: matrices(act, [21, 35], experts), add: random(act, [rows, 35]) };
    const w = asWeight(matrices("F32", [21, 35], experts));
    return [
      make(expertInput, `${label}, added`, act, { experts }, { ...operands, ...sum }),
      make(expertInput, `${label}, NF4`, act, { experts }, { ...operands, w: { ...w, nf4: "single" } }),
    ];
  });
