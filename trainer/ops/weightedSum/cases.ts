/** The operands have the types of sums for any activation type. */
import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { weightedSum } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : [1, 70, 300].map((R) => {
        const loss = { dtype: "F64", shape: [1], values: [2] } as const;
        return make(weightedSum, `${R} rows`, act, {}, { x: random("F32", [R]), weight: random("F32", [R]), loss });
      });
