import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { softcap } from "./op.ts";

/** Values far below, around and far beyond the cap. */
export const cases = (act: Activation): OpCase[] =>
  [0.01, 1, 20].flatMap((deviation) =>
    rowCases(act, ({ label, T, d, y }) => [
      make(softcap, `${label} ×${deviation}`, act, { cap: 3 }, { x: random(act, [T, d], deviation), y }),
    ]),
  );
