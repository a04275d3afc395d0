import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { routeBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  expertShapes.flatMap(([T, E, topK]) =>
    [0, 1].map((normalized) => {
      const { expert } = sortedChoices(T, E, topK);
      const [weights, dWeights] = [random("F32", [T, topK]), random("F32", [T, topK])];
      const operands = { logits: random(act, [T, E]), weights, expert, dWeights, dLogits: empty(act, [T, E]) };
      return make(routeBackward, `${T}×${E}, ${topK}, ${normalized}`, act, { topK, normalized }, operands);
    }),
  );
