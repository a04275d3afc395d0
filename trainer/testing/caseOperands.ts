/** Operands for the cases of ops (`ops/<op>/cases.ts`): seeded values, rounded to the operand's type. */
import type { AnyOp } from "../graph/op.ts";
import type { DataType } from "../graph/tensor.ts";
import { bf16Rounded, normal, type OpCase, type TestOperand, uniform } from "./opCases.ts";

export type Activation = "F32" | "BF16";

/** Relative error of a norm: a few roundings of the type, growing slowly with the number of terms. */
const tolerance: Record<Activation, number> = { F32: 3e-6, BF16: 6e-3 };

let seed = 1;

/** Restarts the seeds, so that an op's cases do not depend on those of others. */
export const restartSeeds = (): void => {
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

/** Shapes whose rows are no multiple of a vector or a tile, and some whose rows are. */
const rowShapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 5],
  [17, 64],
  [200, 100],
  [3, 1030],
];

/** The cases of each of these shapes. Each callback gets a label, random operands, and an empty output. */
export const rowCases = (
  act: Activation,
  make: (at: { label: string; T: number; d: number; x: () => TestOperand; y: TestOperand }) => OpCase[],
): OpCase[] =>
  rowShapes.flatMap(([T, d]) =>
    make({ label: `${T}×${d}`, T, d, x: () => random(act, [T, d]), y: empty(act, [T, d]) }),
  );

/** 1/√(mean square) of this many groups. */
export const inverseNorms = (count: number): TestOperand => ({
  dtype: "F32",
  shape: [count],
  values: normal([count], 5).map((value) => Math.abs(value) + 0.5),
});
