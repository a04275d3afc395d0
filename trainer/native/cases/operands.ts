/** Operands of the native tests' cases: seeded values, rounded to what their type holds. */
import type { AnyOp } from "../../graph/op.ts";
import type { DataType } from "../../graph/tensor.ts";
import { bf16Rounded, normal, type OpCase, type TestOperand, uniform } from "../../testing/opCases.ts";

export type Activation = "F32" | "BF16";

/** Relative error of a norm: a few roundings of the type, growing slowly with the number of terms. */
const tolerance: Record<Activation, number> = { F32: 3e-6, BF16: 6e-3 };

let seed = 1;

/** From here on the same operands come again. */
export const startAgain = (): void => {
  seed = 1;
};

export const random = (dtype: DataType, shape: readonly number[], deviation = 1): TestOperand => {
  seed += 1;
  const values = normal(shape, seed, deviation);
  return { dtype, shape, values: dtype === "BF16" ? bf16Rounded(values) : values };
};

export const empty = (dtype: DataType, shape: readonly number[]): TestOperand => ({ dtype, shape });

export const indices = (count: number, behind: number, lowest = 0): TestOperand => {
  seed += 1;
  const next = uniform(seed);
  const values = Array.from({ length: count }, () => lowest + Math.floor(next() * (behind - lowest)));
  return { dtype: "I32", shape: [count], values };
};

export const asWeight = (operand: TestOperand): TestOperand => ({ ...operand, weight: true });

export const make = (
  op: AnyOp,
  label: string,
  act: Activation,
  attributes: OpCase["attributes"],
  operands: OpCase["operands"],
): OpCase => ({
  name: `${op.name} ${act} ${label}`,
  op,
  attributes,
  operands,
  relative: tolerance[act],
});
