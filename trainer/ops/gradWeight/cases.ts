import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { type LinearShape, linearShapes } from "../linear/cases.ts";
import { gradWeight } from "./op.ts";

function gradWeightCase(act: Activation, { tokens, width, out }: LinearShape): OpCase {
  const operands = { dy: random(act, [tokens, out]), x: random(act, [tokens, width]), dW: random("F32", [out, width]) };
  return make(gradWeight, `${tokens}×${out}×${width}`, act, { scale: 0.25 }, operands);
}

export const cases = (act: Activation): OpCase[] => linearShapes.map((shape) => gradWeightCase(act, shape));
