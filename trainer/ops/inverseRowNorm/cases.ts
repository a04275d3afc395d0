/** W in each storage, with a width above one block of the sum, and with rows of one element. */
import { type Activation, asWeight, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { inverseRowNorm } from "./op.ts";

const shapes: readonly (readonly [number, number, number, "single" | "double" | undefined])[] = [
  [1, 1, 1, undefined],
  [33, 70, 3, undefined],
  [5, 4200, 4, undefined],
  [20, 192, 8, "single"],
  [21, 37, 2, "double"],
];

export const cases = (act: Activation): OpCase[] =>
  shapes.map(([out, width, rank, nf4]) => {
    const w = asWeight(random(nf4 ? "F32" : act, [out, width]));
    const operands = {
      w: nf4 ? { ...w, nf4 } : w,
      a: random("F32", [rank, width]),
      b: random("F32", [out, rank]),
      inverse: empty("F32", [out]),
    };
    return make(inverseRowNorm, `${out}×${width}, rank ${rank} ${nf4 ?? ""}`, act, { scale: 0.4 }, operands);
  });
