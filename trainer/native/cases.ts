/**
 * The cases of the native tests: every op in F32 and BF16, at shapes that fit no vector and no tile and at some that do.
 *
 * A list, so that tests, sanitizer runs and other machines use the same ones.
 */
import type { AnyOp } from "../graph/op.ts";
import type { DataType } from "../graph/tensor.ts";
import { adamw } from "../ops/adamw/op.ts";
import { add } from "../ops/add/op.ts";
import { argmax } from "../ops/argmax/op.ts";
import { attention } from "../ops/attention/op.ts";
import { attentionBackward } from "../ops/attentionBackward/op.ts";
import { attentionCached } from "../ops/attentionCached/op.ts";
import { cacheAppend } from "../ops/cacheAppend/op.ts";
import { cast } from "../ops/cast/op.ts";
import { clip } from "../ops/clip/op.ts";
import { dropout } from "../ops/dropout/op.ts";
import { embed } from "../ops/embed/op.ts";
import { embedBackward } from "../ops/embedBackward/op.ts";
import { fill } from "../ops/fill/op.ts";
import { gatherRows } from "../ops/gatherRows/op.ts";
import { glu } from "../ops/glu/op.ts";
import { gluBackward } from "../ops/gluBackward/op.ts";
import { gradWeight } from "../ops/gradWeight/op.ts";
import { linear } from "../ops/linear/op.ts";
import { linearCrossEntropy } from "../ops/linearCrossEntropy/op.ts";
import { linearInput } from "../ops/linearInput/op.ts";
import { rmsNorm } from "../ops/rmsNorm/op.ts";
import { rmsNormBackward } from "../ops/rmsNormBackward/op.ts";
import { rope } from "../ops/rope/op.ts";
import { scatterRows } from "../ops/scatterRows/op.ts";
import { sumSquares } from "../ops/sumSquares/op.ts";
import { bf16Rounded, normal, type OpCase, type TestOperand, uniform } from "../ops/testing.ts";

type Activation = "F32" | "BF16";

/** Relative error of a norm: a few roundings of the type, growing slowly with the number of terms. */
const tolerance: Record<Activation, number> = { F32: 3e-6, BF16: 6e-3 };

let seed = 1;

const random = (dtype: DataType, shape: readonly number[], deviation = 1): TestOperand => {
  seed += 1;
  const values = normal(shape, seed, deviation);
  return { dtype, shape, values: dtype === "BF16" ? bf16Rounded(values) : values };
};

const empty = (dtype: DataType, shape: readonly number[]): TestOperand => ({ dtype, shape });

const indices = (count: number, behind: number, lowest = 0): TestOperand => {
  seed += 1;
  const next = uniform(seed);
  const values = Array.from({ length: count }, () => lowest + Math.floor(next() * (behind - lowest)));
  return { dtype: "I32", shape: [count], values };
};

/** A matrix's values as a frozen weight of this storage. */
const frozen = ({ nf4, weights }: LinearShape, act: Activation, shape: readonly number[]): TestOperand =>
  nf4 ? { ...asWeight(random("F32", shape)), nf4 } : asWeight(random(weights ?? act, shape));

const asWeight = (operand: TestOperand): TestOperand => ({ ...operand, weight: true });

const make = (
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

interface LinearShape {
  tokens: number;
  width: number;
  out: number;
  rank?: number;
  /** Data type of the weights: that of the activations if absent. */
  weights?: Activation;
  nf4?: "single" | "double";
  extras?: boolean;
}

const linearShapes: readonly LinearShape[] = [
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

function linearInputCase(act: Activation, shape: LinearShape): OpCase {
  const { tokens, width, out, rank, extras = false } = shape;
  const tail = rank && { tailX: random(act, [tokens, rank]), tailW: random("F32", [rank, width]) };
  const added = extras && { add: random(act, [tokens, width]) };
  const w = frozen(shape, act, [out, width]);
  const operands = {
    dy: random(act, [tokens, out]),
    w,
    ...(tail || {}),
    ...(added || {}),
    dx: empty(act, [tokens, width]),
  };
  return make(linearInput, `${JSON.stringify(shape)}`, act, { tailScale: 2 }, operands);
}

function gradWeightCase(act: Activation, { tokens, width, out }: LinearShape): OpCase {
  const operands = { dy: random(act, [tokens, out]), x: random(act, [tokens, width]), dW: random("F32", [out, width]) };
  return make(gradWeight, `${tokens}×${out}×${width}`, act, { scale: 0.25 }, operands);
}

interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Lengths of packed examples; their sum is the number of tokens. */
  segments: readonly number[];
}

const attentionShapes: readonly AttentionShape[] = [
  { heads: 1, kvHeads: 1, headDim: 64, segments: [1] },
  { heads: 2, kvHeads: 1, headDim: 16, segments: [7] },
  { heads: 3, kvHeads: 3, headDim: 40, segments: [17, 1, 64, 30] },
  { heads: 4, kvHeads: 2, headDim: 64, segments: [200] },
  { heads: 2, kvHeads: 1, headDim: 128, segments: [63, 65, 1, 1, 1] },
  { heads: 2, kvHeads: 2, headDim: 7, segments: [33, 20] },
  { heads: 1, kvHeads: 1, headDim: 32, segments: [530] },
];

const segmentStarts = (segments: readonly number[]): TestOperand => {
  let start = 0;
  const values = segments.flatMap((length) => {
    const rows = Array.from({ length }, () => start);
    start += length;
    return rows;
  });
  return { dtype: "I32", shape: [values.length], values };
};

/** Each row sees at most the last 20: a window instead of segments. */
const windowStarts = (tokens: number): TestOperand => ({
  dtype: "I32",
  shape: [tokens],
  values: Array.from({ length: tokens }, (_, t) => Math.max(0, t - 19)),
});

function attentionCase(act: Activation, shape: AttentionShape, segmentStart: TestOperand): OpCase {
  const { heads, kvHeads, headDim } = shape;
  const T = segmentStart.shape[0] ?? 0;
  const kv = [T, kvHeads * headDim];
  const q = [T, heads * headDim];
  const operands = {
    q: random(act, q),
    k: random(act, kv),
    v: random(act, kv),
    segmentStart,
    o: empty(act, q),
    lse: empty("F32", [T, heads]),
  };
  return make(attention, JSON.stringify(shape), act, { heads, kvHeads, headDim, scale: headDim ** -0.5 }, operands);
}

/** o and lse must belong to q, k and v: they are computed here, in double. */
function attentionBackwardCase(act: Activation, shape: AttentionShape, segmentStart: TestOperand): OpCase {
  const { operands, attributes, name } = attentionCase(act, shape, segmentStart);
  const { q, k, v, o, lse } = operands;
  const forward = attentionForward(shape, q!.values!, k!.values!, v!.values!, segmentStart.values!);
  const all = {
    q: q!,
    k: k!,
    v: v!,
    o: { ...o!, values: forward.o },
    lse: { ...lse!, values: forward.lse },
    dO: random(act, q!.shape),
    segmentStart,
    dq: empty(act, q!.shape),
    dk: empty(act, k!.shape),
    dv: empty(act, v!.shape),
  };
  const relative = act === "BF16" ? 1e-2 : 1e-5;
  return { ...make(attentionBackward, name, act, attributes, all), relative, absolute: relative / 100 };
}

function attentionForward(
  shape: AttentionShape,
  q: readonly number[],
  k: readonly number[],
  v: readonly number[],
  starts: readonly number[],
) {
  const { heads, kvHeads, headDim: D } = shape;
  const o = new Array<number>(q.length).fill(0);
  const lse: number[] = [];
  starts.forEach((start, t) => {
    for (let head = 0; head < heads; head += 1) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const dot = (s: number) => {
        let sum = 0;
        for (let i = 0; i < D; i += 1) sum += q[(t * heads + head) * D + i]! * k[(s * kvHeads + kvHead) * D + i]!;
        return sum * D ** -0.5;
      };
      const scores = Array.from({ length: t - start + 1 }, (_, i) => dot(start + i));
      const top = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
      lse.push(top + Math.log(total));
      scores.forEach((score, j) => {
        const p = Math.exp(score - top) / total;
        for (let i = 0; i < D; i += 1)
          o[(t * heads + head) * D + i]! += p * v[((start + j) * kvHeads + kvHead) * D + i]!;
      });
    }
  });
  return { o, lse };
}

const rowShapes: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 5],
  [17, 64],
  [200, 100],
  [3, 1030],
];

function rowCases(act: Activation): OpCase[] {
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
    ];
  });
}

function ropeCases(act: Activation): OpCase[] {
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

function crossEntropyCases(act: Activation): OpCase[] {
  return (
    [
      [1, 4, 3],
      [7, 33, 1025],
      [70, 64, 2100],
    ] as const
  ).flatMap(([R, d, V]) => {
    const h = random(act, [R, d]);
    const lossWeight: TestOperand = {
      dtype: "F32",
      shape: [R],
      values: Array.from({ length: R }, (_, r) => (r % 3 === 1 ? 0 : 0.1 + r / 100)),
    };
    const inputs = {
      h,
      w: asWeight(random(act, [V, d], 0.5)),
      target: indices(R, V),
      lossWeight,
      loss: { dtype: "F64" as const, shape: [1], values: [0.5] },
    };
    const nll = empty("F32", [R]);
    const label = `${R}×${d}×${V}`;
    return [
      make(linearCrossEntropy, `${label} loss alone`, act, {}, { ...inputs, nll }),
      make(linearCrossEntropy, `${label} dh`, act, {}, { ...inputs, nll, dh: empty(act, [R, d]) }),
      make(
        linearCrossEntropy,
        `${label} dh and dW`,
        act,
        {},
        { ...inputs, dW: random("F32", [V, d]), nll, dh: empty(act, [R, d]) },
      ),
    ];
  });
}

function cacheCases(act: Activation): OpCase[] {
  const [slots, capacity, T] = [3, 40, 12];
  const slot: TestOperand = { dtype: "I32", shape: [T], values: Array.from({ length: T }, (_, t) => (t % 4) - 1) };
  const position: TestOperand = {
    dtype: "I32",
    shape: [T],
    values: Array.from({ length: T }, (_, t) => (t * 7) % capacity),
  };
  return (
    [
      [2, 1, 64],
      [3, 3, 10],
    ] as const
  ).flatMap(([heads, kvHeads, headDim]) => {
    const cache = () => random(act, [slots, capacity, kvHeads * headDim]);
    const row = () => random(act, [T, kvHeads * headDim]);
    const q = [T, heads * headDim];
    const label = `${heads}/${kvHeads}×${headDim}`;
    return [
      make(cacheAppend, label, act, {}, { k: row(), v: row(), slot, position, cacheK: cache(), cacheV: cache() }),
      make(
        attentionCached,
        label,
        act,
        { heads, kvHeads, headDim, scale: 0.2 },
        { q: random(act, q), cacheK: cache(), cacheV: cache(), slot, position, o: empty(act, q) },
      ),
    ];
  });
}

function optimiserCases(): OpCase[] {
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

export function kernelCases(): OpCase[] {
  seed = 1;
  const activations: readonly Activation[] = ["F32", "BF16"];
  const perType = activations.flatMap((act) => [
    ...linearShapes.flatMap((shape) => [
      linearCase(act, shape),
      linearInputCase(act, shape),
      gradWeightCase(act, shape),
    ]),
    ...attentionShapes.flatMap((shape) => {
      const starts = segmentStarts(shape.segments);
      return [attentionCase(act, shape, starts), attentionBackwardCase(act, shape, starts)];
    }),
    attentionCase(act, attentionShapes[3]!, windowStarts(100)),
    attentionBackwardCase(act, attentionShapes[3]!, windowStarts(100)),
    ...rowCases(act),
    ...ropeCases(act),
    ...crossEntropyCases(act),
    ...cacheCases(act),
  ]);
  return [...perType, ...optimiserCases()];
}
