import { type Activation, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { attentionShapes } from "../attention/cases.ts";
import { sinkGradient } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  attentionShapes.map((shape) => {
    const { heads, headDim, segments } = shape;
    const T = segments.reduce((sum, length) => sum + length, 0);
    const row = () => random(act, [T, heads * headDim]);
    const operands = {
      ...{ o: row(), lse: random("F32", [T, heads]), dO: row(), sinks: random(act, [heads]) },
      dSinks: random("F32", [heads]),
    };
    return make(sinkGradient, JSON.stringify(shape), act, { heads, headDim, scale: 0.75 }, operands);
  });
