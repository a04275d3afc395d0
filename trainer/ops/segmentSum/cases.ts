/** The operands have the types of sums for any activation type. */
import { type Activation, empty, indices, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { segmentSum } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : (
        [
          [1, 1],
          [70, 9],
          [300, 16],
        ] as const
      ).flatMap(([R, S]) => {
        const operands = { x: random("F32", [R]), segment: indices(R, S, -1), scale: random("F32", [S]) };
        const y = empty("F64", [S]);
        return [
          make(segmentSum, `${R} rows of ${S}`, act, {}, { ...operands, y }),
          make(segmentSum, `${R} rows of ${S}, a difference`, act, {}, { ...operands, minus: random("F32", [R]), y }),
        ];
      });
