/**
 * Measures the matrix products and attention, and the register-only peak in the same run:
 * `node tools/node24.mjs test/bench/kernels.ts [--threads N]`. Shapes are those of a 135 M-parameter Llama shape
 * (hidden 576, 9 heads, 3 key–value heads, FFN 1536, vocabulary 49,152) at 2 × 512 tokens.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildNative } from "../../trainer/native/build.ts";
import { executorPath } from "../../trainer/native/paths.ts";
import { opCase } from "../../trainer/testing/opCases.ts";
import { attentions, type Benchmark, backward, crossEntropy, forward, weightGradient } from "./kernelShapes.ts";

const tokens = 1024;

function benchmarks(): Benchmark[] {
  const shapes = [
    [576, 576],
    [192, 576],
    [1536, 576],
    [576, 1536],
    [16, 576],
    [576, 16],
  ] as const;
  return (["F32", "BF16"] as const).flatMap((type) => [
    ...shapes.flatMap(([out, width]) =>
      [forward, backward, weightGradient].map((of) => of({ type, tokens, out, width, runs: 20 })),
    ),
    ...attentions({ type, examples: 2, length: 512, heads: 9, kvHeads: 3, headDim: 64, runs: 20 }),
    crossEntropy({ type, tokens, out: 49_152, width: 576, runs: 3 }),
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
