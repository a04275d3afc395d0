/** Three steps from quantised state, over blocks of which the last is short and one has neither gradient nor moments. */
import { type Activation, make, random } from "../../testing/caseOperands.ts";
import { type OpCase, type TestOperand, uniform } from "../../testing/opCases.ts";
import { attributes, scalars } from "../adamw/cases.ts";
import { adamw8 } from "./op.ts";

export function cases(act: Activation): OpCase[] {
  if (act !== "F32") return [];
  return [[7], [1003], [70, 300]].map((shape) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const next = uniform(17);
    const inEmptyBlock = (index: number) => count > 512 && index >= 256 && index < 512;
    const codes = (): TestOperand => ({
      dtype: "U8",
      shape,
      values: Array.from({ length: count }, (_, index) => (inEmptyBlock(index) ? 0 : Math.floor(next() * 256))),
    });
    const scales = (largest: number): TestOperand => ({
      dtype: "F32",
      shape: [Math.ceil(count / 256)],
      values: Array.from({ length: Math.ceil(count / 256) }, (_, block) =>
        inEmptyBlock(256 * block) ? 0 : largest * (0.1 + next()),
      ),
    });
    const dense = random(act, shape);
    const grad = { ...dense, values: dense.values?.map((value, index) => (inEmptyBlock(index) ? 0 : value)) ?? [] };
    const state = { m: codes(), mScale: scales(0.1), v: codes(), vScale: scales(0.01) };
    const operands = { grad, ...scalars, theta: random(act, shape), ...state };
    return { ...make(adamw8, shape.join("×"), act, { beta1: 0.9, ...attributes }, operands), runs: 3 };
  });
}
