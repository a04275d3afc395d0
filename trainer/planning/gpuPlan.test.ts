import assert from "node:assert/strict";
import { test } from "node:test";
import { compile } from "../compile/compile.ts";
import { effectiveSettings } from "../contract/effective.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import type { Work } from "../graph/compiled.ts";
import { aSpec, tinyModel } from "../testing/compiledRun.ts";
import { type Gpu, gpus } from "./gpus.ts";
import { type PlanInput, plan } from "./plan.ts";
import { efficiency, secondsOf } from "./roofline.ts";
import { gpuTarget } from "./target.ts";

const gpuNamed = (name: string): Gpu => {
  const gpu = gpus.find((one) => one.name === name);
  assert.ok(gpu, name);
  return gpu;
};

const h100 = gpuNamed("h100-80gb");

const model: PlanInput["model"] = { ...tinyModel, vocabSize: 500, hiddenSize: 64, intermediateSize: 192, layers: 6 };

function inputOn(gpu: Gpu, changes: Partial<PlanInput> = {}, training: TrainingSpec["training"] = {}): PlanInput {
  return {
    settings: effectiveSettings({
      baseModel: { uri: "pvc://base/model", quantization: { type: "NF4", doubleQuantization: true } },
      dataset: {
        sources: [{ uri: "pvc://data/train.jsonl" }],
        maxSequenceLength: 256,
        validation: { fraction: "0.1" },
      },
      method: { lora: { rank: 4 } },
      training: { batchTokens: 1024, precision: "BF16", ...training },
    }),
    model: { ...model, contextLength: 512 },
    baseDataType: "BF16",
    dataset: { rows: 100, examples: 400, tokens: 25_000, validationExamples: 40, testExamples: 0 },
    availableBytes: gpu.memoryBytes,
    target: gpuTarget(gpu),
    isRemote: false,
    ...changes,
  };
}

test("a plan for a GPU equals the compiler's layout to the byte: weights, state, arena, io, workspace, and the context", () => {
  const input = inputOn(h100);
  const { spec, memory, predictedPeakBytes, fits } = plan(input);
  const { stateBytes, arenaBytes, ioBytes, scratch } = compile(spec);
  assert.equal(spec.device, "cuda");
  assert.equal(memory.parameters + memory.derived + memory.gradients + memory.moments, stateBytes);
  assert.deepEqual([memory.activations, memory.io, memory.scratch], [arenaBytes, ioBytes, scratch.shared]);
  assert.equal(scratch.thread, 0, "no kernel of a GPU has scratch of a thread");
  // Packed data and the best parameters are in the host's memory.
  assert.deepEqual([memory.data, memory.best, memory.process], [0, 0, gpuTarget(h100).contextBytes]);
  assert.equal(
    predictedPeakBytes,
    memory.weights + stateBytes + arenaBytes + ioBytes + scratch.shared + memory.process,
  );
  assert.ok(fits);
});

test("the workspace holds the logits of 256 rows of the cross-entropy, or what the attention's gradient takes", () => {
  const on = (vocabSize: number) => plan(inputOn(h100, { model: { ...model, vocabSize, contextLength: 512 } }));
  assert.equal(on(500).memory.scratch, 256 * 500 * 4);
  assert.equal(on(16).memory.scratch, 1024 * model.heads * 4);
});

test("the golden plan of a tiny model", () => {
  const { memory, microRows, recomputedBlocks, stepTime } = plan(inputOn(h100));
  assert.deepEqual(
    { ...memory, microRows, recomputedBlocks },
    {
      weights: 199_056,
      parameters: 107_520,
      derived: 53_760,
      gradients: 107_776,
      moments: 215_040,
      best: 0,
      cache: 0,
      activations: 12_156_928,
      io: 57_344,
      scratch: 512_000,
      data: 0,
      process: 805_306_368,
      microRows: 4,
      recomputedBlocks: 0,
    },
  );
  assert.ok(stepTime);
  assert.ok(Math.abs(stepTime.seconds / 3.684903e-5 - 1) < 1e-5, `${stepTime.seconds}`);
  assert.ok(Math.abs(stepTime.tokensPerSecond * stepTime.seconds - 1024) < 1e-6);
  assert.ok(Math.abs(stepTime.shares.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  assert.deepEqual(
    stepTime.shares.map(({ share }) => share),
    stepTime.shares.map(({ share }) => share).toSorted((a, b) => b - a),
  );
});

const works: [string, Work, number][] = [
  ["arithmetic in BF16", { op: "linear", flops: 989e12, bytes: 1, type: "BF16" }, 1 / efficiency.arithmetic],
  ["arithmetic in F32", { op: "linear", flops: 66.9e12, bytes: 1, type: "F32" }, 1 / efficiency.arithmetic],
  ["memory traffic", { op: "add", flops: 0, bytes: 3.35e12, type: "BF16" }, 1 / efficiency.bandwidth],
  ["the longer of both", { op: "linear", flops: 989e12, bytes: 33.5e12, type: "BF16" }, 10 / efficiency.bandwidth],
];
for (const [title, work, seconds] of works) {
  test(`the roofline of an instruction: ${title}`, () =>
    assert.equal(secondsOf(work, h100).toFixed(9), seconds.toFixed(9)));
}

test("an instruction moves each operand once, an accumulated one twice, a table by its indices, NF4 with its scales", () => {
  const { hiddenSize: d, heads, headDim } = tinyModel;
  const tokens = 12;
  const micro = compile(aSpec({ device: "cuda" })).program({ program: "micro", trainedRows: tokens });
  const bytes = (op: string) => micro.work.find((work) => work.op === op)?.bytes;
  const rows = tokens * d;
  assert.equal(bytes("embed"), 4 * (tokens + rows + rows));
  assert.equal(bytes("embedBackward"), 4 * (tokens + rows + 2 * rows));
  assert.equal(
    micro.work.reduce((sum, { flops }) => sum + flops, 0),
    micro.flops,
  );
  const { training: _, ...spec } = aSpec({ device: "cuda", method: { kind: "none" } });
  const nf4 = compile({ ...spec, storage: { dense: "F32", linear: "NF4", doubleQuantization: false } });
  const query = nf4.program({ program: "evaluate", trainedRows: tokens }).work.find(({ op }) => op === "linear");
  const elements = heads * headDim * d;
  assert.equal(query?.bytes, 4 * (rows + tokens * heads * headDim) + elements / 2 + 4 * (elements / 64));
});

test("with more memory, no plan that fitted stops fitting, and no step gets slower", () => {
  const target = { ...gpuTarget(h100), contextBytes: 0 };
  const ample = plan(inputOn(h100, { target }));
  const [least, most] = [0.1 * ample.predictedPeakBytes, ample.predictedPeakBytes];
  let best = Number.POSITIVE_INFINITY;
  const seen = new Set<string>();
  for (let step = 0; step <= 10; step++) {
    const availableBytes = Math.ceil(least * (most / least) ** (step / 10));
    const made = plan(inputOn(h100, { availableBytes, target }));
    const { fits, stepTime, nearestFit, predictedPeakBytes, microRows, recomputedBlocks } = made;
    seen.add(fits ? `${microRows}/${recomputedBlocks}` : (nearestFit?.change ?? "no change"));
    assert.ok(fits || best === Number.POSITIVE_INFINITY, `${availableBytes} bytes: more memory, and it no longer fits`);
    if (!fits) continue;
    assert.ok(predictedPeakBytes <= availableBytes);
    assert.ok(stepTime && stepTime.seconds <= best, `${availableBytes} bytes: slower than with less`);
    best = stepTime.seconds;
  }
  assert.equal([...seen].at(-1), "4/0", [...seen].join(" "));
  assert.ok(seen.has("dataset.maxSequenceLength: 128"), "a change that fits is named where the job does not");
  assert.ok(
    [...seen].some((choice) => /^[124]\/[1-6]$/.test(choice)),
    "blocks are recomputed where memory is short",
  );
});

test("no GPU with lower peaks is faster", () => {
  const times = gpus.map((gpu) => ({ gpu, seconds: plan(inputOn(gpu)).stepTime?.seconds ?? Number.NaN }));
  const isLower = (a: Gpu, b: Gpu) =>
    a.bandwidth <= b.bandwidth && a.flops.bf16 <= b.flops.bf16 && a.flops.f32 <= b.flops.f32;
  for (const { gpu, seconds } of times) {
    for (const other of times) if (isLower(gpu, other.gpu)) assert.ok(seconds >= other.seconds, gpu.name);
  }
});

test("a GPU's row has plausible peaks and a unique name", () => {
  assert.equal(new Set(gpus.map(({ name }) => name)).size, gpus.length);
  for (const { name, memoryBytes, bandwidth, flops } of gpus) {
    assert.match(name, /^[a-z0-9-]+$/);
    assert.ok(memoryBytes > 20 * 2 ** 30 && memoryBytes < 2 ** 38, name);
    // A square product of 8,192 is bound by arithmetic on each.
    assert.ok(flops.bf16 / bandwidth > 100 && flops.bf16 / bandwidth < 1000, name);
    assert.ok(flops.bf16 >= 2 * flops.f32, name);
  }
});

for (const type of ["AdamW", "AdamW8bit"] as const) {
  test(`${type}, paged: a plan for a GPU counts the moments of the largest parameter alone, and says so`, () => {
    // Each matrix has 4,096 elements or more, so that its moments are in 8 bits, with a scale for each 256.
    const wide = { model: { ...model, contextLength: 512, hiddenSize: 1024 } };
    const on = (paged: boolean) => plan(inputOn(h100, wide, { optimizer: { type, paged } }));
    const [paged, usual] = [on(true), on(false)];
    const elements = paged.trainableParameters;
    const largest = 4 * wide.model.hiddenSize;
    const bytesOf = (count: number) => (type === "AdamW" ? 8 * count : 2 * count + 8 * Math.ceil(count / 256));
    assert.ok(usual.memory.moments >= 0.9 * bytesOf(elements));
    assert.ok(Math.abs(paged.memory.moments - bytesOf(largest)) < 4 * 64, `${paged.memory.moments}`);
    assert.deepEqual({ ...paged.memory, moments: 0 }, { ...usual.memory, moments: 0 });
    assert.equal(paged.checkpointBytes, usual.checkpointBytes);
    assert.match(
      paged.notes.join(),
      /^training\.optimizer\.paged: .* of the optimiser's state are in pages, .* planned on the GPU/,
    );
    assert.deepEqual(usual.notes, []);
  });
}

test("where a GPU's memory is too small for the moments, the plan names paged state, which changes no result", () => {
  const { baseModel: _, ...usual } = inputOn(h100).settings;
  const settings = { ...usual, baseModel: { uri: "pvc://base/model" }, method: { kind: "full" } } as const;
  const target = { ...gpuTarget(h100), contextBytes: 0 };
  const most = plan(inputOn(h100, { settings, target }));
  const least = plan(inputOn(h100, { settings, target, availableBytes: 1 })).predictedPeakBytes;
  const short = plan(inputOn(h100, { settings, target, availableBytes: least - most.memory.moments / 2 }));
  assert.equal(short.fits, false);
  assert.equal(short.nearestFit?.change, "training.optimizer.paged: true");
});
