import { type Activation, asWeight, empty, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { replaceRows } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x }) => {
    // Every second row, from the last.
    const values = Array.from({ length: Math.ceil(T / 2) }, (_, r) => T - 1 - 2 * r);
    const index = { dtype: "I32", shape: [values.length], values } as const;
    const rows = random("F32", [values.length, d]);
    return [make(replaceRows, label, act, {}, { x: asWeight(x()), rows, index, y: empty(act, [T, d]) })];
  });
