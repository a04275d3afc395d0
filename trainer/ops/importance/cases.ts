import { type Activation, make, random } from "../../testing/caseOperands.ts";
import { normal, type OpCase } from "../../testing/opCases.ts";
import { importance } from "./op.ts";

/** Three consecutive steps in F32, the only type that this op takes. */
export function cases(act: Activation): OpCase[] {
  if (act !== "F32") return [];
  const n = 1003;
  const positive = (seed: number) => normal([n], seed).map((value) => Math.abs(value));
  const operands = {
    theta: random("F32", [n]),
    grad: random("F32", [n]),
    factor: { dtype: "F32", shape: [1], values: [0.5] } as const,
    sensitivity: { dtype: "F32", shape: [n], values: positive(3) } as const,
    uncertainty: { dtype: "F32", shape: [n], values: positive(4) } as const,
  };
  const attributes = { beta1: 0.85, oneMinusBeta1: 0.15, beta2: 0.7, oneMinusBeta2: 0.3 };
  return [{ ...make(importance, `${n}`, "F32", attributes, operands), runs: 3 }];
}
