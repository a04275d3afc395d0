/** The first, a middle and the last part of rows. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { sliceColumns } from "./op.ts";

export const slices = [
  { before: 0, width: 5, after: 3 },
  { before: 17, width: 40, after: 1 },
  { before: 64, width: 100, after: 0 },
] as const;

export const cases = (act: Activation): OpCase[] =>
  slices.map((slice) => {
    const x = random(act, [19, slice.before + slice.width + slice.after]);
    return make(sliceColumns, JSON.stringify(slice), act, slice, { x, y: empty(act, [19, slice.width]) });
  });
