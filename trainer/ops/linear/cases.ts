/** Products with weights, dense and in NF4; the gradient ops use the same shapes. */
import { type Activation, asWeight, empty, make, random } from "../../testing/caseOperands.ts";
import type { OpCase, TestOperand } from "../../testing/opCases.ts";
import { linear } from "./op.ts";

export interface LinearShape {
  tokens: number;
  width: number;
  out: number;
  rank?: number;
  /** Data type of the weights: the activations' type if absent. */
  weights?: Activation;
  nf4?: "single" | "double";
  extras?: boolean;
}

export const linearShapes: readonly LinearShape[] = [
  { tokens: 1, width: 64, out: 64 },
  { tokens: 1, width: 7, out: 5 },
  { tokens: 7, width: 33, out: 70, rank: 3, extras: true },
  { tokens: 17, width: 96, out: 16, extras: true },
  { tokens: 200, width: 130, out: 257, rank: 16, extras: true },
  { tokens: 13, width: 1100, out: 48, rank: 5 },
  { tokens: 5, width: 2050, out: 33 },
  { tokens: 550, width: 64, out: 20 },
  { tokens: 9, width: 48, out: 80, rank: 4, weights: "BF16" },
  { tokens: 9, width: 48, out: 80, rank: 4, weights: "F32" },
  { tokens: 19, width: 192, out: 70, rank: 8, nf4: "single" },
  { tokens: 3, width: 1150, out: 130, nf4: "double" },
  { tokens: 4, width: 37, out: 21, nf4: "double" },
];

/** A matrix's values as a frozen weight of this storage. */
export const frozen = ({ nf4, weights }: LinearShape, act: Activation, shape: readonly number[]): TestOperand =>
  nf4 ? { ...asWeight(random("F32", shape)), nf4 } : asWeight(random(weights ?? act, shape));

function linearCase(act: Activation, shape: LinearShape): OpCase {
  const { tokens, width, out, rank, weights = act, extras = false } = shape;
  const tail = rank && { tailX: random(act, [tokens, rank]), tailW: random("F32", [out, rank]) };
  const added = extras && { bias: random(weights, [out]), residual: random(act, [tokens, out]) };
  const w = frozen(shape, act, [out, width]);
  const operands = {
    x: random(act, [tokens, width]),
    w,
    ...(tail || {}),
    ...(added || {}),
    y: empty(act, [tokens, out]),
  };
  return make(linear, `${JSON.stringify(shape)}`, act, { tailScale: 0.5 }, operands);
}

export const cases = (act: Activation): OpCase[] => linearShapes.map((shape) => linearCase(act, shape));
