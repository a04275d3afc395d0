import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { gatherExperts } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertShapes.map(([T, E, topK]) => {
    const { order, place } = sortedChoices(T, E, topK);
    const operands = { x: random(act, [T, 21]), order, place, y: empty(act, [T * topK, 21]) };
    return make(gatherExperts, `${T}×${E}, ${topK}`, act, { topK }, operands);
  });
