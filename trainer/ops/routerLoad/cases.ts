import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { expertShapes, sortedChoices } from "../route/cases.ts";
import { routerLoad } from "./op.ts";

/** Examples of 1, 2, 3, … tokens, one after another. */
export function segmentStarts(T: number): TestOperand {
  const values: number[] = [];
  for (let start = 0, length = 1; start < T; start += length, length++)
    values.push(...Array.from({ length: Math.min(length, T - start) }, () => start));
  return { dtype: "I32", shape: [T], values };
}

export const cases = (act: Activation): OpCase[] =>
  expertShapes.flatMap(([T, E, topK]) =>
    [false, true].map((isAdded) => {
      const { expert } = sortedChoices(T, E, topK);
      const before = isAdded && { before: random("F32", [T, 2 * E]) };
      const operands = { logits: random(act, [T, E], 3), expert, segmentStart: segmentStarts(T), ...before };
      return make(
        routerLoad,
        `${T}×${E}, ${topK}${isAdded ? ", added" : ""}`,
        act,
        { topK },
        {
          ...operands,
          load: empty("F32", [T, 2 * E]),
        },
      );
    }),
  );
