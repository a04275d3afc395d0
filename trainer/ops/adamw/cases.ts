/** Three steps; the operands have the types of sums for any activation type. */
import { type Activation, make, random } from "../../testing/caseOperands.ts";
import { normal, type OpCase, type TestOperand } from "../../testing/opCases.ts";
import { adamw } from "./op.ts";

export const attributes = {
  oneMinusBeta1: 0.1,
  beta2: 0.999,
  oneMinusBeta2: 1e-3,
  eps: 1e-8,
  weightDecay: 0.1,
  learningRateScale: 2,
};

/** The clipping factor, and the learning rate with its corrections. */
export const scalars: Readonly<Record<"factor" | "hyper", TestOperand>> = {
  factor: { dtype: "F32", shape: [1], values: [0.5] },
  hyper: { dtype: "F32", shape: [3], values: [1e-3, 0.19, 0.05] },
};

export function cases(act: Activation): OpCase[] {
  if (act !== "F32") return [];
  const n = 1003;
  const [m, v] = [random(act, [n]), { ...random(act, [n]), values: normal([n], 3).map((value) => value * value) }];
  const operands = { grad: random(act, [n]), ...scalars, theta: random(act, [n]), m, v };
  return [{ ...make(adamw, `${n}`, act, attributes, operands), runs: 3 }];
}
