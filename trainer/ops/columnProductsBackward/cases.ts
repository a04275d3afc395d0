import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { columnProductShapes } from "../columnProducts/cases.ts";
import { columnProductsBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  columnProductShapes.map(([r, s, n]) => {
    const inputs = { a: random(act, [r, n]), b: random(act, [s, n]), dy: random(act, [r * s, n]) };
    const outputs = { da: empty(act, [r, n]), db: empty(act, [s, n]) };
    return make(columnProductsBackward, `${r}×${s} of ${n}`, act, {}, { ...inputs, ...outputs });
  });
