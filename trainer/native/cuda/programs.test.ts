/**
 * Whole programs of a tiny model on the CUDA kernels, interpreted: a training step (forward, backward, optimiser) agrees with the
 * reference, whatever is recomputed gives the same bits, and dead memory that is filled with NaN changes nothing.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { compile } from "../../compile/compile.ts";
import type { CompileSpec } from "../../graph/compiled.ts";
import { aSpec, batchOf, type RunOptions, TestRun, tinyLora, tinyModel } from "../../testing/compiledRun.ts";
import { relativeError } from "../../testing/graphs.ts";
import { addon } from "../addon.ts";
import { buildNative } from "../build.ts";
import { emulatedDriverPath } from "../paths.ts";
import { buildCudaKernels, kernelsPath } from "./build.ts";

const inherited = process.env.LUTHIER_CUDA_DRIVER;

before(async () => {
  await buildNative();
  await buildCudaKernels();
  process.env.LUTHIER_CUDA_DRIVER = inherited ?? emulatedDriverPath;
  process.env.LUTHIER_CUDA_KERNELS = kernelsPath;
});
after(() => {
  delete process.env.LUTHIER_CUDA_KERNELS;
});

const batches = [
  batchOf(
    [
      { id: 0, tokens: [3, 17, 28, 3, 9, 11] },
      { id: 1, tokens: [5, 2, 8] },
    ],
    12,
    0.25,
  ),
  batchOf([{ id: 2, tokens: [1, 4, 4, 20, 6, 7, 12] }], 12, 0.25),
];

interface Step {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly parameters: ReadonlyMap<string, Float32Array>;
}

/** A step of two micro-batches and the optimiser. */
async function step(spec: CompileSpec, options: RunOptions): Promise<Step> {
  const run = new TestRun(compile(spec), options);
  try {
    const loss = await run.step(batches);
    const gradients = run.gradients();
    await run.run({ program: "optimise" }, { hyper: [1e-2, 0.1, Math.sqrt(0.001)] });
    const parameters = new Map(run.names("parameter").map((name) => [name, run.floats("parameter", name).slice()]));
    return { loss, gradients, parameters };
  } finally {
    run.close();
  }
}

function assertClose(actual: Step, expected: Step, bound: number): void {
  const distance = (a: Step, e: Step, part: "gradients" | "parameters") =>
    [...e[part]].map(([name, values]) => ({
      name,
      error: relativeError(a[part].get(name) ?? new Float32Array(), values),
    }));
  assert.ok(
    Math.abs(actual.loss - expected.loss) <= bound * expected.loss,
    `loss ${actual.loss}, not ${expected.loss}`,
  );
  assert.deepEqual(
    distance(actual, expected, "gradients").filter(({ error }) => !(error <= bound)),
    [],
  );
  // AdamW's first step divides a gradient by its own size, which enlarges small differences.
  assert.deepEqual(
    distance(actual, expected, "parameters").filter(({ error }) => !(error <= bound)),
    [],
  );
}

const lora = { ...tinyLora, dropout: 0.1 };

suite("programs on CUDA kernels, interpreted", () => {
  const spec = aSpec({ method: lora });
  let kept: Step;

  test("a training step agrees with the reference: LoRA with dropout in F32", async () => {
    kept = await step(spec, { backend: "cuda" });
    assertClose(kept, await step(spec, { backend: "reference" }), 1e-4);
  });

  test("a training step agrees with the reference: full fine-tuning in F32", async () => {
    assertClose(await step(aSpec(), { backend: "cuda" }), await step(aSpec(), { backend: "reference" }), 1e-4);
  });

  test("a training step agrees with the reference: LoRA in BF16", async () => {
    const bf16 = aSpec({ method: lora, precision: "BF16" });
    assertClose(await step(bf16, { backend: "cuda" }), await step(bf16, { backend: "reference" }), 5e-2);
  });

  test("paged moments take nothing of the GPU's memory, and give the same bits", async () => {
    const on = async (paged: boolean) => {
      const { training } = aSpec();
      const compiled = compile({
        ...spec,
        device: "cuda",
        ...(training && { training: { ...training, optimizer: { ...training.optimizer, paged } } }),
      });
      const free = addon().gpu().freeBytes;
      const run = new TestRun(compiled, { backend: "cuda" });
      const held = free - addon().gpu().freeBytes;
      for (const learningRate of [1e-2, 1e-3]) {
        await run.step(batches);
        await run.run({ program: "optimise" }, { hyper: [learningRate, 0.1, Math.sqrt(0.001)] });
      }
      const kept = (["parameter", "moment1", "moment2"] as const).map((role) =>
        run.names(role).map((name) => run.floats(role, name).slice()),
      );
      run.close();
      return { held, kept, pages: compiled.pagedState?.bytes };
    };
    const [paged, usual] = [await on(true), await on(false)];
    assert.ok(paged.pages !== undefined && paged.pages > 0 && usual.pages === undefined);
    assert.equal(usual.held - paged.held, paged.pages);
    assert.deepEqual(paged.kept, usual.kept);
  });

  test("a mixture of experts agrees with the reference, and recomputing its routes gives the same bits", async () => {
    const experts = { count: 5, chosen: 2, width: 20 };
    const mixture = aSpec({ model: { ...tinyModel, family: "mixtral", experts } });
    const kept = await step(mixture, { backend: "cuda" });
    assertClose(kept, await step(mixture, { backend: "reference" }), 1e-4);
    assert.deepEqual(await step({ ...mixture, recomputedBlocks: 2 }, { backend: "cuda" }), kept);
  });

  test("a step that recomputes every block, without NaN in dead memory, has the same bits", async () => {
    assert.deepEqual(await step({ ...spec, recomputedBlocks: 2 }, { backend: "cuda", poison: false }), kept);
  });
});
