/** Clipping and the update. */
import { adamw } from "../../ops/adamw/op.ts";
import { clip } from "../../ops/clip/op.ts";
import { normal, type OpCase, type TestOperand } from "../../testing/opCases.ts";
import { empty, make, random } from "./operands.ts";

export function optimiserCases(): OpCase[] {
  const n = 1003;
  const moment = random("F32", [n]);
  const v: TestOperand = { ...random("F32", [n]), values: normal([n], 3).map((value) => value * value) };
  const scalar = (value: number): TestOperand => ({ dtype: "F32", shape: [1], values: [value] });
  const attributes = {
    oneMinusBeta1: 0.1,
    beta2: 0.999,
    oneMinusBeta2: 1e-3,
    eps: 1e-8,
    weightDecay: 0.1,
    learningRateScale: 2,
  };
  const hyper: TestOperand = { dtype: "F32", shape: [3], values: [1e-3, 0.19, 0.05] };
  const total: TestOperand = { dtype: "F64", shape: [1], values: [9] };
  const clipped = (maxNorm: number) =>
    make(clip, `${maxNorm}`, "F32", { maxNorm }, { total, norm: empty("F32", [1]), factor: empty("F32", [1]) });
  const update = make(adamw, `${n}`, "F32", attributes, {
    grad: random("F32", [n]),
    factor: scalar(0.5),
    hyper,
    theta: random("F32", [n]),
    m: moment,
    v,
  });
  return [{ ...update, runs: 3 }, clipped(0), clipped(1), clipped(100)];
}
