import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertShapes } from "../route/cases.ts";
import { segmentStarts } from "../routerLoad/cases.ts";
import { routerLoadBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertShapes.map(([T, E]) => {
    const operands = {
      logits: random(act, [T, E], 3),
      segmentStart: segmentStarts(T),
      dLoad: random("F32", [T, 2 * E]),
    };
    return make(routerLoadBackward, `${T}×${E}`, act, {}, { ...operands, dLogits: empty(act, [T, E]) });
  });
