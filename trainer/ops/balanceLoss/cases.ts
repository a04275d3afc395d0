/** The operands have the types of sums for any activation type. */
import { type Activation, empty, make } from "../../testing/caseOperands.ts";
import { normal, type OpCase } from "../../testing/opCases.ts";
import { balanceLoss } from "./op.ts";

/** Examples begin in every third row; the others have no load. */
export const cases = (act: Activation): OpCase[] =>
  act !== "F32"
    ? []
    : (
        [
          [1, 1, 1],
          [7, 4, 2],
          [40, 70, 8],
        ] as const
      ).map(([T, E, topK]) => {
        const begins = (t: number) => t % 3 === 0;
        const noise = normal([T * 2 * E], 1, 5);
        const values = noise.map((value, i) => {
          const t = Math.floor(i / (2 * E));
          if (!begins(t)) return 0;
          return i % (2 * E) < E ? Math.round(Math.abs(3 * value)) + 1 : Math.abs(value);
        });
        const weights = Array.from({ length: T }, (_, t) => (begins(t) && t !== 6 ? 0.1 + t / 50 : 0));
        return make(
          balanceLoss,
          `${T} rows of ${E}, ${topK}`,
          act,
          { topK, coefficient: 0.3 },
          {
            load: { dtype: "F32", shape: [T, 2 * E], values },
            weight: { dtype: "F32", shape: [T], values: weights },
            loss: { dtype: "F64", shape: [1], values: [0.5] },
            dLoad: empty("F32", [T, 2 * E]),
          },
        );
      });
