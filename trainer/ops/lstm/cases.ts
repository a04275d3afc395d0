import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { lstm } from "./op.ts";

/** [rows, width, reverse] */
export const lstmShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 0],
  [5, 3, 1],
  [4, 16, 0],
  [6, 37, 1],
];

export const cases = (act: Activation): OpCase[] =>
  lstmShapes.map(([n, width, reverse]) => {
    const operands = {
      x: random(act, [n, 4 * width]),
      w: random(act, [4 * width, width], 1 / Math.sqrt(width)),
      y: empty(act, [n, width]),
      gates: empty(act, [n, 4 * width]),
      cell: empty(act, [n, width]),
      before: empty(act, [n, width]),
    };
    return make(
      lstm,
      `${n}×${width} ${reverse === 1 ? "from the end" : "from the start"}`,
      act,
      { width, reverse },
      operands,
    );
  });
