import { type Activation, empty, make, rowCases } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { argmax } from "./op.ts";

export const cases = (act: Activation): OpCase[] =>
  rowCases(act, ({ label, T, d, x }) => [
    make(argmax, label, act, {}, { x: x(), index: empty("I32", [T]) }),
    make(argmax, `${label} with NaN`, act, {}, { x: withNaN(act, [T, d]), index: empty("I32", [T]) }),
  ]);

/** Small integers with ties, and NaN in columns 0, 3, 6 … and in every fourth row. */
function withNaN(dtype: Activation, shape: readonly [number, number]): TestOperand {
  const [rows, columns] = shape;
  const isHole = (index: number) => (index % columns) % 3 === 0 || Math.floor(index / columns) % 4 === 3;
  const valueAt = (index: number) => (isHole(index) ? Number.NaN : (index * 7919) % 101);
  return { dtype, shape, values: Array.from({ length: rows * columns }, (_, index) => valueAt(index)) };
}
