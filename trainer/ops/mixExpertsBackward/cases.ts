import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { mixExpertsBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertShapes.map(([T, E, topK]) => {
    const { order } = sortedChoices(T, E, topK);
    const made = { dy: empty(act, [T * topK, 21]), dWeights: empty("F32", [T, topK]) };
    const given = { y: random(act, [T * topK, 21]), dz: random(act, [T, 21]), weights: random("F32", [T, topK]) };
    return make(mixExpertsBackward, `${T}×${E}, ${topK}`, act, { topK }, { ...given, order, ...made });
  });
