import { type Activation, asWeight, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { expertLinear } from "./op.ts";

/** Matrices of as many experts. */
export function matrices(dtype: "F32" | "BF16", shape: readonly [number, number], count: number): TestOperand {
  const { values } = random(dtype, [count * shape[0], shape[1]]);
  return { dtype, shape, count, ...(values && { values }) };
}

/** The rows of experts, which are no multiple of a tile. */
export const expertRows = expertShapes.map(([T, E, topK]) => ({
  label: `${T}×${E}, ${topK}`,
  experts: E,
  rows: T * topK,
  starts: sortedChoices(T, E, topK).starts,
}));

export const cases = (act: Activation): OpCase[] =>
  expertRows.flatMap(({ label, experts, rows, starts }) => {
    const operands = { x: random(act, [rows, 35]), starts, y: empty(act, [rows, 21]) };
    const w = matrices("F32", [21, 35], experts);
    const tail = { tailX: random(act, [rows, 3]), tailW: matrices(act, [21, 3], experts) };
    return [
      make(
        expertLinear,
        `${label}, low rank`,
        act,
        { experts },
        { ...operands, w: matrices(act, [21, 35], experts), ...tail },
      ),
      make(
        expertLinear,
        `${label}, bias`,
        act,
        { experts },
        { ...operands, w: matrices(act, [21, 35], experts), bias: random(act, [experts, 21]) },
      ),
      make(expertLinear, `${label}, NF4`, act, { experts }, { ...operands, w: { ...asWeight(w), nf4: "double" } }),
    ];
  });
