import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { mixExperts } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertShapes.flatMap(([T, E, topK]) => {
    const { order, place } = sortedChoices(T, E, topK);
    const mixed = { y: random(act, [T * topK, 21]), order, place, z: empty(act, [T, 21]) };
    const weighted = { ...mixed, weights: random("F32", [T, topK]), residual: random(act, [T, 21]) };
    return [
      make(mixExperts, `${T}×${E}, ${topK}`, act, { topK }, mixed),
      make(mixExperts, `${T}×${E}, ${topK}, weighted`, act, { topK }, weighted),
    ];
  });
