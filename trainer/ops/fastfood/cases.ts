/** Matrices of one and of several blocks, padded and whole powers of two, and of fewer elements than x. */
import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { fastfood } from "./op.ts";

/** [d, out, in] */
export const fastfoodShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [5, 3, 7],
  [16, 8, 8],
  [100, 4, 9],
  [37, 100, 90],
];

/** x and, in every other case, its scale. */
export const fastfoodOperands = (act: Activation, d: number, index: number) => ({
  x: random(act, [d]),
  ...(index % 2 === 1 && { scale: random(act, [1]) }),
});

export const cases = (act: Activation): OpCase[] =>
  fastfoodShapes.map(([d, out, width], index) => {
    const attributes = { out, in: width, seed: 7 - 20 * index, layer: 123456789 - index };
    const operands = { ...fastfoodOperands(act, d, index), y: empty(act, [out, width]) };
    return make(fastfood, `${d} to ${out}×${width}`, act, attributes, operands);
  });
