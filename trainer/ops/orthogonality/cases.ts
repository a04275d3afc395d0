import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { orthogonality } from "./op.ts";

/** Matrices, and whether G is of their columns. */
export const matrices: readonly (readonly [number, number, number])[] = [
  [1, 7, 0],
  [12, 70, 0],
  [70, 12, 1],
  [33, 20, 1],
];

export const cases = (act: Activation): OpCase[] =>
  matrices.map(([n, m, columns]) => {
    const loss = { dtype: "F64", shape: [1], values: [2] } as const;
    const operands = { x: random(act, [n, m], 0.3), loss };
    return make(orthogonality, `${n}×${m} by ${columns ? "columns" : "rows"}`, act, { columns, weight: 0.7 }, operands);
  });
