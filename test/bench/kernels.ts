/**
 * Measures the matrix products and attention, and the register-only peak in the same run:
 * `node tools/node24.mjs test/bench/kernels.ts [--threads N]`. Shapes are those of a 135 M-parameter Llama shape
 * (hidden 576, 9 heads, 3 key–value heads, FFN 1536, vocabulary 49,152) at 2 × 512 tokens.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DataType } from "../../trainer/graph/tensor.ts";
import { buildNative } from "../../trainer/native/build.ts";
import { executorPath } from "../../trainer/native/paths.ts";
import { attention } from "../../trainer/ops/attention/op.ts";
import { attentionBackward } from "../../trainer/ops/attentionBackward/op.ts";
import { gradWeight } from "../../trainer/ops/gradWeight/op.ts";
import { linear } from "../../trainer/ops/linear/op.ts";
import { linearCrossEntropy } from "../../trainer/ops/linearCrossEntropy/op.ts";
import { linearInput } from "../../trainer/ops/linearInput/op.ts";
import { type OpCase, opCase, type TestOperand, uniform } from "../../trainer/testing/opCases.ts";

interface Benchmark extends OpCase {
  flops: number;
}

/** Repeating values, which do not affect the time. */
function filled(dtype: DataType, shape: readonly number[]): TestOperand {
  const next = uniform(7);
  const some = Array.from({ length: 4096 }, () => next() - 0.5);
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype, shape, values: Array.from({ length: count }, (_, i) => some[i % 4096]!) };
}

const T = 1024;

function products(act: DataType, [out, width]: readonly [number, number]): Benchmark[] {
  const x = filled(act, [T, width]);
  const y = filled(act, [T, out]);
  const w = { ...filled(act, [out, width]), weight: true };
  const flops = 2 * T * out * width;
  const base = { relative: 0, runs: 20, flops };
  const name = (op: string) => `${op} ${act} ${T}×${width}→${out}`;
  return [
    { ...base, name: name("linear"), op: linear, attributes: { tailScale: 1 }, operands: { x, w, y } },
    {
      ...base,
      name: name("linearInput"),
      op: linearInput,
      attributes: { tailScale: 1 },
      operands: { dy: y, w, dx: x },
    },
    {
      ...base,
      name: name("gradWeight"),
      op: gradWeight,
      attributes: { scale: 1 },
      operands: { dy: y, x, dW: filled("F32", [out, width]) },
    },
  ];
}

/** Two packed examples of 512; operations are those below the diagonal. */
function attentions(act: DataType): Benchmark[] {
  const [heads, kvHeads, headDim] = [9, 3, 64];
  const q = filled(act, [T, heads * headDim]);
  const k = filled(act, [T, kvHeads * headDim]);
  const segmentStart: TestOperand = {
    dtype: "I32",
    shape: [T],
    values: Array.from({ length: T }, (_, t) => (t < 512 ? 0 : 512)),
  };
  const lse: TestOperand = { dtype: "F32", shape: [T, heads], values: Array.from({ length: T * heads }, () => 6) };
  const attributes = { heads, kvHeads, headDim, scale: 0.125 };
  const product = 2 * heads * headDim * 2 * ((512 * 513) / 2);
  return [
    {
      name: `attention ${act} 2×512`,
      op: attention,
      attributes,
      operands: { q, k, v: k, segmentStart, o: q, lse },
      relative: 0,
      runs: 20,
      flops: 2 * product,
    },
    {
      name: `attentionBackward ${act} 2×512`,
      op: attentionBackward,
      attributes,
      relative: 0,
      runs: 20,
      flops: 5 * product,
      operands: { q, k, v: k, o: q, lse, dO: q, segmentStart, dq: q, dk: k, dv: k },
    },
  ];
}

function crossEntropy(act: DataType): Benchmark {
  const [d, V] = [576, 49152];
  const row = (value: number): TestOperand => ({ dtype: "F32", shape: [T], values: new Array<number>(T).fill(value) });
  const operands = {
    h: filled(act, [T, d]),
    w: { ...filled(act, [V, d]), weight: true },
    target: { dtype: "I32" as const, shape: [T], values: Array.from({ length: T }, (_, t) => t * 40) },
    lossWeight: row(1 / T),
    loss: { dtype: "F64" as const, shape: [1] },
    nll: row(0),
    dh: filled(act, [T, d]),
  };
  return {
    name: `linearCrossEntropy ${act} ${T}×${d}→${V} with dh`,
    op: linearCrossEntropy,
    attributes: {},
    operands,
    relative: 0,
    runs: 3,
    flops: 4 * T * d * V,
  };
}

function benchmarks(): Benchmark[] {
  const shapes = [
    [576, 576],
    [192, 576],
    [1536, 576],
    [576, 1536],
    [16, 576],
    [576, 16],
  ] as const;
  return (["F32", "BF16"] as const).flatMap((act) => [
    ...shapes.flatMap((shape) => products(act, shape)),
    ...attentions(act),
    crossEntropy(act),
  ]);
}

function execute(args: string[]): string {
  const { status, stdout, stderr } = spawnSync(executorPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

await buildNative();
const directory = mkdtempSync(join(tmpdir(), "luthier-bench-"));
try {
  const options = process.argv.slice(2);
  const peaks = new Map(
    [...execute([...options, "--peak"]).matchAll(/peak (\w+) (\d+)/g)].map(([, type, rate]) => [type!, Number(rate)]),
  );
  console.log([...peaks].map(([type, rate]) => `register-only peak ${type}: ${rate} GFLOP/s`).join("\n"));
  for (const benchmark of benchmarks()) {
    const file = join(directory, "bench.case");
    writeFileSync(file, opCase(benchmark));
    const seconds = Number(/fastest ([\d.e-]+) s/.exec(execute([...options, "--time", file]))?.[1]);
    const rate = benchmark.flops / seconds / 1e9;
    const peak = peaks.get(benchmark.name.split(" ")[1]!)!;
    console.log(
      `${benchmark.name.padEnd(52)} ${rate.toFixed(0).padStart(5)} GFLOP/s ${((100 * rate) / peak).toFixed(0).padStart(4)} %`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}
