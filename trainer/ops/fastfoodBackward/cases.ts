import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { fastfoodOperands, fastfoodShapes } from "../fastfood/cases.ts";
import { fastfoodBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  fastfoodShapes.map(([d, out, width], index) => {
    const attributes = { out, in: width, seed: 7 - 20 * index, layer: 123456789 - index };
    const given = fastfoodOperands(act, d, index);
    const made = { dX: empty(act, [d]), ...(given.scale && { dScale: empty(act, [1]) }) };
    const operands = { ...given, dY: random(act, [out, width]), ...made };
    return make(fastfoodBackward, `${d} to ${out}×${width}`, act, attributes, operands);
  });
