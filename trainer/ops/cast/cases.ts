import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { cast } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, y }) => [
    make(cast, label, act, { scale: -0.3 }, { x: random(act === "F32" ? "BF16" : "F32", [T, d]), y }),
  ]);
