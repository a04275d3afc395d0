/**
 * A training on the CUDA kernels, interpreted: prepare, train with validation, checkpoints and generated answers, report. A
 * stopped one resumes to the same bytes. A missing, another or a too small GPU ends it with a reason.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, suite, type TestContext, test } from "node:test";
import type { Progress } from "../contract/progress.ts";
import { buildNative } from "../native/build.ts";
import { buildCudaKernels } from "../native/cuda/build.ts";
import { emulatedDriverPath } from "../native/paths.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

before(async () => {
  await buildNative();
  await buildCudaKernels();
  process.env.LUTHIER_CUDA_DRIVER ??= emulatedDriverPath;
});

const tiny = (t: TestContext) =>
  TinyTraining.make(t, {
    shape: { hiddenSize: 16, intermediateSize: 32, layers: 1, heads: 2, kvHeads: 1, contextLength: 64 },
    method: { lora: { rank: 2, dropout: "0.1" } },
    quantization: { type: "NF4" },
    examples: 12,
    training: {
      maxSteps: 3,
      batchTokens: 64,
      learningRate: "1e-2",
      checkpoint: { everySteps: 1 },
      evaluation: { everySteps: 2 },
    },
    evaluation: { maxNewTokens: 2 },
  });

const onGpu = (training: TinyTraining) => ({ ...training.context(), gpu: {} });

const filesOf = async (training: TinyTraining): Promise<unknown> =>
  JSON.parse(await readFile(`${await training.runPath()}/adapter/manifest.json`, "utf8")).files;

/** Sets a variable of the emulated driver for one call. */
async function withVariable<T>(name: string, value: string, call: () => Promise<T>): Promise<T> {
  process.env[name] = value;
  try {
    return await call();
  } finally {
    delete process.env[name];
  }
}

suite("a training on an emulated GPU", () => {
  // First: an opened GPU stays open.
  test("a machine without one ends it with a reason", async (t) => {
    const training = await tiny(t);
    const file = await training.trainFile();
    const reason = {
      code: 20,
      reason: "NoUsableGpu",
      message: /the NVIDIA driver has no GPU\..* placement\.gpusPerNode: 0/,
    };
    await withVariable("LUTHIER_PTX_GPUS", "0", () => assert.rejects(runTrain(file, onGpu(training)), reason));
  });

  test("a GPU of another class ends it with a reason", async (t) => {
    const training = await tiny(t);
    await assert.rejects(
      runTrain(await training.trainFile(), { ...training.context(), gpu: { product: "NVIDIA-L4" } }),
      {
        code: 20,
        reason: "OtherGpu",
        message: /gpuClass is NVIDIA-L4, but this GPU is emulated-PTX-interpreter with 8\.0/,
      },
    );
  });

  test("too little memory ends it before it begins; memory that others hold, with the plan beside the GPU's", async (t) => {
    const training = await tiny(t);
    const file = await training.trainFile();
    const small = { ...onGpu(training), memoryLimit: 700 * 2 ** 20 };
    await assert.rejects(runTrain(file, small), {
      code: 20,
      message: /^the training needs 768 MiB, but 700 MiB are available on emulated-PTX-interpreter$/,
    });
    const full = () => assert.rejects(runTrain(file, onGpu(training)), { code: 22, message: table });
    const table =
      /^no GPU memory for \d+ bytes of \w+: CUDA_ERROR_OUT_OF_MEMORY\. Planned: 768 MiB \(weights .*, context 768 MiB\)\. emulated .*: [\d.]+ \w+ free of 8\.0\d? GiB/;
    await withVariable("LUTHIER_PTX_HELD", String(8 * 2 ** 30 - 20_000), full);
  });

  test("a GPU that cannot page ends a training with paged state with a reason", async (t) => {
    const training = await (await tiny(t)).twin({ optimizer: { type: "AdamW", paged: true } });
    const file = await training.trainFile();
    const reason = { code: 20, reason: "CannotPage", message: /^training\.optimizer\.paged: emulated.* remove paged$/ };
    await withVariable("LUTHIER_PTX_PAGES", "0", () => assert.rejects(runTrain(file, onGpu(training)), reason));
  });

  test("it agrees with one on the CPU, and a stopped one, with paged state, resumes to the same bytes", async (t) => {
    const onCpu = await tiny(t);
    const atOnce = await onCpu.twin();
    const inParts = await atOnce.twin({ optimizer: { type: "AdamW", paged: true } });
    const { figures } = await runTrain(await atOnce.trainFile(), onGpu(atOnce));
    const controller = new AbortController();
    const onProgress = ({ phase, done }: Progress) => {
      if (phase === "Training" && done === 2) controller.abort();
    };
    const stopped = { ...onGpu(inParts), onProgress, signal: controller.signal };
    await assert.rejects(runTrain(await inParts.trainFile(), stopped), { code: 10 });
    const resumed = await runTrain(await inParts.trainFile(), onGpu(inParts));
    assert.deepEqual([figures.isa, figures.resumes, resumed.figures.resumes], ["CUDA 8.0", 0, 1]);
    assert.deepEqual(await filesOf(inParts), await filesOf(atOnce));
    const { figures: expected } = await runTrain(await onCpu.trainFile(), onCpu.context());
    const error = (actual = 0, wanted = 0) => Math.abs(actual - wanted) / wanted;
    assert.ok(error(figures.loss, expected.loss) < 1e-3, `loss ${figures.loss}, not ${expected.loss}`);
    assert.ok(error(figures.evalLoss, expected.evalLoss) < 1e-3, `${figures.evalLoss}, not ${expected.evalLoss}`);
    assert.deepEqual(figures.evaluationAfter, expected.evaluationAfter);
    // To the byte: the plan without the context, which the interpreter does not have, and the tables of 8-bit moments.
    assert.equal(figures.measuredPeakBytes, figures.predictedPeakBytes - 768 * 2 ** 20 + 2 * 256 * 4);
  });
});
