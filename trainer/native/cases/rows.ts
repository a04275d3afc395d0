/** Ops that work row by row, or on every element alike. */
import { add } from "../../ops/add/op.ts";
import { argmax } from "../../ops/argmax/op.ts";
import { cast } from "../../ops/cast/op.ts";
import { dropout } from "../../ops/dropout/op.ts";
import { embed } from "../../ops/embed/op.ts";
import { embedBackward } from "../../ops/embedBackward/op.ts";
import { fill } from "../../ops/fill/op.ts";
import { gatherRows } from "../../ops/gatherRows/op.ts";
import { glu } from "../../ops/glu/op.ts";
import { gluBackward } from "../../ops/gluBackward/op.ts";
import { rmsNorm } from "../../ops/rmsNorm/op.ts";
import { rmsNormBackward } from "../../ops/rmsNormBackward/op.ts";
import { rope } from "../../ops/rope/op.ts";
import { scatterRows } from "../../ops/scatterRows/op.ts";
import { sumSquares } from "../../ops/sumSquares/op.ts";
import { normal, type OpCase, type TestOperand } from "../../testing/opCases.ts";
import { type Activation, asWeight, empty, indices, make, random } from "./operands.ts";

const rowShapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 5],
  [17, 64],
  [200, 100],
  [3, 1030],
];

export function rowCases(act: Activation): OpCase[] {
  return rowShapes.flatMap((shape) => {
    const [T, d] = shape;
    const x = () => random(act, shape);
    const y = empty(act, shape);
    const label = `${T}×${d}`;
    const weight = asWeight(random(act, [d]));
    const rstd: TestOperand = {
      dtype: "F32",
      shape: [T],
      values: normal([T], 5).map((value) => Math.abs(value) + 0.5),
    };
    return [
      make(rmsNorm, label, act, { eps: 1e-5 }, { x: x(), weight, y, rstd: empty("F32", [T]) }),
      make(
        rmsNorm,
        `${label} with residual`,
        act,
        { eps: 1e-5 },
        { x: x(), weight, residual: x(), y, rstd: empty("F32", [T]), sum: y },
      ),
      make(rmsNormBackward, label, act, {}, { dy: x(), h: x(), weight, rstd, dx: y }),
      make(
        rmsNormBackward,
        `${label} with dWeight`,
        act,
        {},
        { dy: x(), h: x(), weight, rstd, dSum: x(), dWeight: random("F32", [d]), dx: y },
      ),
      make(glu, label, act, { activation: 0 }, { gate: random(act, shape, 4), up: x(), y }),
      make(
        gluBackward,
        label,
        act,
        { activation: 0 },
        { dy: x(), gate: random(act, shape, 4), up: x(), dGate: y, dUp: y },
      ),
      make(add, label, act, {}, { a: x(), b: x(), y }),
      make(cast, label, act, { scale: -0.3 }, { x: random(act === "F32" ? "BF16" : "F32", shape), y }),
      make(fill, label, act, { value: 1.7 }, { y }),
      make(sumSquares, label, act, {}, { x: x(), total: { dtype: "F64", shape: [1], values: [2] } }),
      make(embed, label, act, {}, { ids: indices(T, 11), weight: asWeight(random("F32", [11, d])), y }),
      make(embedBackward, label, act, {}, { ids: indices(T, 11), dy: x(), dWeight: random("F32", [11, d]) }),
      make(gatherRows, label, act, {}, { x: x(), index: indices(T + 2, T, -1), y: empty(act, [T + 2, d]) }),
      make(
        scatterRows,
        label,
        act,
        {},
        {
          dy: x(),
          index: { dtype: "I32", shape: [T], values: Array.from({ length: T }, (_, r) => (r % 3 === 2 ? -1 : 2 * r)) },
          dx: empty(act, [2 * T, d]),
        },
      ),
      make(
        dropout,
        label,
        act,
        { p: 0.3, tensorId: 9 },
        {
          x: x(),
          rowKey: { dtype: "U32", shape: [T, 2], values: indices(2 * T, 1000).values! },
          rngKey: { dtype: "U32", shape: [2], values: [4294967295, 7] },
          y,
        },
      ),
      make(argmax, label, act, {}, { x: random(act, shape), index: empty("I32", [T]) }),
      make(argmax, `${label} with NaN`, act, {}, { x: withNaN(act, shape), index: empty("I32", [T]) }),
    ];
  });
}

/** Small whole numbers, some alike, with NaN in every third column from the first on and in all of every fourth row. */
function withNaN(dtype: Activation, shape: readonly [number, number]): TestOperand {
  const [rows, columns] = shape;
  const isHole = (index: number) => (index % columns) % 3 === 0 || Math.floor(index / columns) % 4 === 3;
  const valueAt = (index: number) => (isHole(index) ? Number.NaN : (index * 7919) % 101);
  return { dtype, shape, values: Array.from({ length: rows * columns }, (_, index) => valueAt(index)) };
}

/** Heads that are normed one by one. */
export function headNormCases(act: Activation): OpCase[] {
  return (
    [
      [3, 2, 8],
      [70, 3, 34],
    ] as const
  ).flatMap(([T, heads, headDim]) => {
    const shape = [T, heads * headDim];
    const [x, y] = [() => random(act, shape), empty(act, shape)];
    const weight = asWeight(random(act, [headDim]));
    const rstd = empty("F32", [T * heads]);
    const known = { ...rstd, values: normal([T * heads], 5).map((value) => Math.abs(value) + 0.5) };
    const label = `${T}×${heads}×${headDim}`;
    const dWeight = random("F32", [headDim]);
    return [
      make(rmsNorm, label, act, { eps: 1e-5 }, { x: x(), weight, residual: x(), y, rstd, sum: y }),
      make(rmsNormBackward, label, act, {}, { dy: x(), h: x(), weight, rstd: known, dSum: x(), dWeight, dx: y }),
    ];
  });
}

export function ropeCases(act: Activation): OpCase[] {
  return (
    [
      [3, 2, 8],
      [17, 1, 34],
      [5, 3, 128],
    ] as const
  ).map(([T, heads, headDim]) => {
    const angles = () => random("F32", [T, headDim / 2]);
    const x = [T, heads * headDim];
    return make(
      rope,
      `${T}×${heads}×${headDim}`,
      act,
      { heads, headDim, sign: heads === 1 ? 1 : -1 },
      { x: random(act, x), cos: angles(), sin: angles(), y: empty(act, x) },
    );
  });
}
