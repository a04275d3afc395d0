import { type Activation, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase } from "../../testing/opCases.ts";
import { rope } from "./op.ts";

const shapes = [
  [3, 2, 8],
  [17, 1, 34],
  [5, 3, 128],
] as const;

export const cases = (act: Activation): OpCase[] =>
  shapes.flatMap(([T, heads, headDim]) =>
    // The whole head, and its first elements alone.
    [0, headDim / 2 - ((headDim / 2) % 2)].map((rotary) => ropeCase(act, T, heads, headDim, rotary)),
  );

function ropeCase(act: Activation, T: number, heads: number, headDim: number, rotary: number): OpCase {
  const angles = () => random("F32", [T, headDim / 2]);
  const x = [T, heads * headDim];
  const attributes = { heads, headDim, sign: heads === 1 ? 1 : -1, ...(rotary > 0 && { rotary }) };
  const operands = { x: random(act, x), cos: angles(), sin: angles(), y: empty(act, x) };
  return make(rope, `${T}×${heads}×${headDim} ${rotary}`, act, attributes, operands);
}
