/** The operands have the types of sums for any activation type. */
import { type Activation, empty, make } from "../../testing/caseOperands.ts";
import { normal, type OpCase, type TestOperand } from "../../testing/opCases.ts";
import { pairLoss } from "./op.ts";

/** Negative log-likelihoods, also very small and very large ones. */
const likelihoods = (count: number): TestOperand => ({
  dtype: "F64",
  shape: [count],
  values: normal([count], 3, 2).map((value, index) => [1e-7, 40, 600][index] ?? Math.abs(value) + 0.01),
});

export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : [1, 9, 40].flatMap((P) =>
        [
          { beta: 0.1, odds: 0 },
          { beta: 0.5, odds: 0 },
          { beta: 0, odds: 1 },
        ].map((attributes) => {
          const weight: TestOperand = {
            dtype: "F32",
            shape: [P],
            values: Array.from({ length: P }, (_, p) => (p % 3 === 1 ? 0 : 0.1 + p / 100)),
          };
          const loss = { dtype: "F64", shape: [1], values: [0.5] } as const;
          const operands = { weight, z: likelihoods(2 * P), loss, dz: empty("F64", [2 * P]) };
          return make(pairLoss, `${P} pairs ${JSON.stringify(attributes)}`, act, attributes, operands);
        }),
      );
