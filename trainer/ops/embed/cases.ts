import { type Activation, asWeight, indices, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { embed } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, y }) => [
    make(embed, label, act, {}, { ids: indices(T, 11), weight: asWeight(random("F32", [11, d])), y }),
  ]);
