import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { scaleColumnsBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, d, x, y }) => {
    const operands = { dy: x(), x: x(), scale: random("F32", [d]), dx: y };
    const dScale = random("F32", [d]);
    return [
      make(scaleColumnsBackward, label, act, {}, operands),
      make(scaleColumnsBackward, `${label} with dScale`, act, {}, { ...operands, dScale }),
    ];
  });
