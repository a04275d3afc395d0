/** The operands have the types of sums for any activation type. */
import { type Activation, empty, indices, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { segmentSumBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : (
        [
          [1, 1],
          [70, 9],
        ] as const
      ).map(([R, S]) => {
        const operands = { dy: random("F64", [S]), segment: indices(R, S, -1), scale: random("F32", [S]) };
        return make(segmentSumBackward, `${R} rows of ${S}`, act, {}, { ...operands, dx: empty("F32", [R]) });
      });
