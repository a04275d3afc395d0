/** The operands have the types of sums for any activation type. */
import { type Activation, empty, make } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { clip } from "./op.ts";

export function cases(act: Activation): OpCase[] {
  if (act !== "F32") return [];
  const total: TestOperand = { dtype: "F64", shape: [1], values: [9] };
  const scalar = empty("F32", [1]);
  return [0, 1, 100].map((maxNorm) =>
    make(clip, `${maxNorm}`, act, { maxNorm }, { total, norm: scalar, factor: scalar }),
  );
}
