import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { slices } from "../sliceColumns/cases.ts";
import { sliceColumnsBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  slices.flatMap((slice) => {
    const wide = [19, slice.before + slice.width + slice.after];
    const operands = { dy: random(act, [19, slice.width]), dx: empty(act, wide) };
    return [
      make(sliceColumnsBackward, JSON.stringify(slice), act, slice, operands),
      make(sliceColumnsBackward, `${JSON.stringify(slice)} sum`, act, slice, { ...operands, sum: random(act, wide) }),
    ];
  });
