import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { frozen, type LinearShape, linearShapes } from "../linear/cases.ts";
import { linearInput } from "./op.ts";

function linearInputCase(act: Activation, shape: LinearShape): OpCase {
  const { tokens, width, out, rank, extras = false } = shape;
  const tail = rank && { tailX: random(act, [tokens, rank]), tailW: random("F32", [rank, width]) };
  const added = extras && { add: random(act, [tokens, width]) };
  const w = frozen(shape, act, [out, width]);
  const operands = {
    dy: random(act, [tokens, out]),
    w,
    ...(tail || {}),
    ...(added || {}),
    dx: empty(act, [tokens, width]),
  };
  return make(linearInput, `${JSON.stringify(shape)}`, act, { tailScale: 2 }, operands);
}

export const cases = (act: Activation): OpCase[] => linearShapes.map((shape) => linearInputCase(act, shape));
