import { type Activation, indices, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { embedBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x }) => [
    make(embedBackward, label, act, {}, { ids: indices(T, 11), dy: x(), dWeight: random("F32", [11, d]) }),
  ]);
