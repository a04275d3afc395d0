/** The operands have the types of sums for any activation type. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { ktoLoss } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : [1, 9, 40].map((S) => {
        const weight: TestOperand = {
          dtype: "F32",
          shape: [S],
          values: Array.from({ length: S }, (_, s) => [0.3, -0.7, 0][s % 3]!),
        };
        const divergence: TestOperand = { dtype: "F32", shape: [1], values: [0.4] };
        const loss = { dtype: "F64", shape: [1], values: [0.5] } as const;
        const operands = { weight, z: random("F64", [S], 20), divergence, loss, dz: empty("F64", [S]) };
        return make(ktoLoss, `${S} answers`, act, { beta: 0.2 }, operands);
      });
