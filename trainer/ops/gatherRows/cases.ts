import { type Activation, empty, indices, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { gatherRows } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x }) => [
    make(gatherRows, label, act, {}, { x: x(), index: indices(T + 2, T, -1), y: empty(act, [T + 2, d]) }),
  ]);
