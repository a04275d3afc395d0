import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { scaleColumns } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, d, x, y }) => {
    const scale = random("F32", [d]);
    const added = { bias: random(act, [d]), residual: x() };
    return [
      make(scaleColumns, label, act, {}, { x: x(), scale, y }),
      make(scaleColumns, `${label}, bias and residual`, act, {}, { x: x(), scale, ...added, y }),
    ];
  });
