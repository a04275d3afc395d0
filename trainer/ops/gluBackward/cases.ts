import { type Activation, make, random, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { activations } from "../attributes.ts";
import { gluBackward } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  Object.values(activations).flatMap((activation) =>
    rowCases(act, ({ label, T, d, x, y }) => {
      const operands = { dy: x(), gate: random(act, [T, d], 4), up: x(), dGate: y, dUp: y };
      return [make(gluBackward, `${label} ${activation}`, act, { activation }, operands)];
    }),
  );
