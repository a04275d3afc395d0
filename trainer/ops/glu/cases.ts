import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { activations } from "../attributes.ts";
import { glu } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  Object.values(activations).flatMap((activation) =>
    rowCases(act, ({ label, T, d, x, y }) => [
      make(glu, `${label} ${activation}`, act, { activation }, { gate: random(act, [T, d], 4), up: x(), y }),
    ]),
  );
