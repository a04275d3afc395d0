import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { matrices } from "../orthogonality/cases.ts";
import { orthogonalityBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  matrices.map(([n, m, columns]) => {
    const operands = { x: random(act, [n, m], 0.3), dX: random("F32", [n, m]) };
    const label = `${n}×${m} by ${columns ? "columns" : "rows"}`;
    return make(orthogonalityBackward, label, act, { columns, weight: 0.7 }, operands);
  });
