import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { lstmShapes } from "../lstm/cases.ts";
import { lstmBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  lstmShapes.map(([n, width, reverse]) => {
    const operands = {
      dy: random(act, [n, width]),
      gates: random(act, [n, 4 * width], 0.5),
      cell: random(act, [n, width]),
      w: random(act, [4 * width, width], 1 / Math.sqrt(width)),
      dx: empty(act, [n, 4 * width]),
    };
    return make(
      lstmBackward,
      `${n}×${width} ${reverse === 1 ? "from the end" : "from the start"}`,
      act,
      { width, reverse },
      operands,
    );
  });
