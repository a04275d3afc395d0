import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { kroneckerOperands, kroneckerShapes } from "../kronecker/cases.ts";
import { kroneckerBackward } from "./op.ts";

/** Sums begin at what is there; every second case forms no dA. */
export const cases = (act: Activation): OpCase[] =>
  kroneckerShapes.map((shape, index) => {
    const [tokens, l, m, k, n] = shape;
    const sums = { ...(index % 2 === 0 && { dA: random("F32", [l, m]) }), dB: random("F32", [k, n]) };
    const inputs = { ...kroneckerOperands(act, shape), dy: random(act, [tokens, l * k]) };
    const operands = { ...inputs, ...sums, dx: empty(act, [tokens, m * n]) };
    return make(kroneckerBackward, shape.join("×"), act, { scale: 0.4 }, operands);
  });
