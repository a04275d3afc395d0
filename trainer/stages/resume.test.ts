/** A training that is stopped, or whose checkpoints are damaged, resumes to the bytes of an undisturbed one. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { declarations } from "../contract/methods/index.ts";
import type { Progress } from "../contract/progress.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { runTrain } from "./train.ts";

/** Trains to the end; stops the process whenever it reaches one of `stopAt`, and resumes. */
async function trainInParts(training: TinyTraining, stopsAfterSteps: readonly number[], threads = 1) {
  const file = await training.trainFile();
  for (const step of stopsAfterSteps) {
    const context = { ...training.context(), threads };
    const controller = new AbortController();
    const onProgress = ({ phase, done }: Progress) => {
      if (phase === "Training" && done >= step) controller.abort();
    };
    await assert.rejects(runTrain(file, { ...context, onProgress, signal: controller.signal }), { code: 10 });
  }
  return await runTrain(file, { ...training.context(), threads });
}

test("a run that is stopped anywhere and resumed gives the same bytes", async (t) => {
  /** `stops`: the steps after which the run is stopped; default once. */
  const cases: (TinyOptions & { stops?: number[] })[] = [
    { method: { lora: { rank: 4, dropout: "0.1" } }, stops: [2, 5, 11] },
    {
      method: { lora: { rank: 4, dropout: "0.1" } },
      quantization: { type: "NF4" },
      training: { neftuneNoiseAlpha: "5", labelSmoothing: "0.1" },
    },
    { method: { full: {} } },
    // Checkpoints hold the codes and scales of the moments.
    { method: { full: {} }, training: { optimizer: { type: "AdamW8bit" } } },
    // A resumed run subtracts the product of the checkpoint's initial values, without a decomposition.
    { method: { lora: { rank: 4, initialization: "PiSSA" } } },
    {
      method: {
        lora: { targetModules: ["q_proj", "embed_tokens"], bias: "LoraOnly", modulesToSave: ["norm", "lm_head"] },
      },
      shape: { family: "qwen2", tied: false },
    },
    {
      method: { lora: { rank: 4, trainableTokens: { embed_tokens: [259, 260] } } },
      dataset: { addedTokens: ["<think>", "</think>"] },
    },
    { method: { dora: { rank: 4 } }, quantization: { type: "NF4" } },
    // Ranks are allocated before, between and after the stops, and their state is in the checkpoints.
    {
      method: { adalora: { initialRank: 4, targetRank: 2, everySteps: 2, finalSteps: 3, dropout: "0.1" } },
      stops: [2, 5, 11],
    },
    { method: { lora: { rank: 2, initialization: "EVA" } }, quantization: { type: "NF4" } },
    { method: { loha: { rank: 2 } }, quantization: { type: "NF4" } },
    { method: { lokr: { rank: 2, decomposeBoth: true } } },
    { method: { krona: {} } },
    { method: { fishMask: { density: "0.1", samples: 4 } } },
    // The places are fixed after step 7: before, at and after a stop.
    { method: { diffPruning: { density: "0.1", fixedShare: "0.4", learningRateRatio: "10" } }, stops: [2, 7, 10] },
    { method: { intrinsicDimension: { dimension: 100 } }, quantization: { type: "NF4" } },
    { method: { bitfit: {} }, shape: { family: "qwen2" } },
    {
      method: { xlora: { adapters: [] } },
      mixes: { classifierDepth: 2, classifierWidth: 8, topK: 1 },
      quantization: { type: "NF4" },
    },
    { method: { bottleneck: { design: "Houlsby", dropout: "0.1" } }, quantization: { type: "NF4" } },
    { method: { ia3: {} }, quantization: { type: "NF4" } },
    { method: { promptTuning: { virtualTokens: 4 } }, quantization: { type: "NF4" }, shape: { contextLength: 128 } },
    { method: { pTuning: { virtualTokens: 4, encoderHiddenSize: 8 } }, shape: { contextLength: 128 } },
    {
      method: { pTuning: { virtualTokens: 4, encoderHiddenSize: 8, encoder: "LSTM" } },
      shape: { contextLength: 128 },
    },
    { method: { prefixTuning: { virtualTokens: 4 } }, shape: { contextLength: 128 } },
  ];
  const covered = new Set(cases.flatMap(({ method }) => Object.keys(method ?? {})));
  assert.deepEqual(
    declarations.map(({ kind }) => kind).filter((kind) => !covered.has(kind)),
    [],
    "each method has a row",
  );
  for (const { stops = [5], ...one } of cases) {
    const options = {
      ...one,
      training: {
        maxSteps: 12,
        batchTokens: 256,
        learningRate: "1e-2",
        checkpoint: { everySteps: 3 },
        ...one.training,
      },
    };
    const atOnce = await TinyTraining.make(t, options);
    const inParts = await atOnce.twin();
    const whole = await trainInParts(atOnce, []);
    const parts = await trainInParts(inParts, stops);
    assert.equal(parts.figures.resumes, stops.length);
    assert.deepEqual(await filesOf(inParts), await filesOf(atOnce));
    assert.deepEqual(
      [parts.figures.loss, parts.figures.evalLoss, parts.figures.bestStep, parts.figures.trainedTokens],
      [whole.figures.loss, whole.figures.evalLoss, whole.figures.bestStep, whole.figures.trainedTokens],
    );
  }
});

/** Digests of the adapter's files. */
async function filesOf(training: TinyTraining): Promise<unknown> {
  return JSON.parse(await readFile(`${await training.runPath()}/adapter/manifest.json`, "utf8")).files;
}

test("a stop within a micro-batch discards its step, and the resumed run gives the same bytes", async (t) => {
  const options = {
    shape: { hiddenSize: 128, intermediateSize: 256, heads: 4, kvHeads: 2 },
    training: { maxSteps: 5, batchTokens: 2048, evaluation: { everySteps: 5 }, checkpoint: { everySteps: 100 } },
  };
  const whole = await TinyTraining.make(t, options);
  const cut = await whole.twin();
  await trainInParts(whole, []);
  const controller = new AbortController();
  // A step is one micro-batch, whose forward and backward take nearly all of its time, on another thread.
  const onProgress = ({ phase, done }: Progress) => {
    if (phase === "Training" && done === 3) setTimeout(() => controller.abort(), 1);
  };
  const stage = { ...cut.context(), onProgress, signal: controller.signal };
  await assert.rejects(runTrain(await cut.trainFile(), stage), { code: 10, message: /after step 3 of 5/ });
  assert.deepEqual(await readdir(`${await cut.runPath()}/checkpoints`), ["step-3"]);
  await runTrain(await cut.trainFile(), cut.context());
  const { plan } = JSON.parse(await readFile(`${await cut.runPath()}/report.json`, "utf8"));
  assert.equal(plan.microRows, 2048 / 64);
  assert.deepEqual(await weightsOf(cut), await weightsOf(whole));
});

test("an interrupted validation is repeated", async (t) => {
  const options = { training: { maxSteps: 6, batchTokens: 256, evaluation: { everySteps: 2 } } };
  const whole = await TinyTraining.make(t, options);
  const cut = await whole.twin();
  const expected = await trainInParts(whole, []);
  // A stop right after step 4, before its validation.
  await stopAfter(cut, 4);
  const state = JSON.parse(await readFile(`${await cut.runPath()}/checkpoints/step-4/manifest.json`, "utf8")).state;
  assert.deepEqual([state.step, state.evaluatedStep], [4, 2]);
  const { figures } = await runTrain(await cut.trainFile(), cut.context());
  assert.deepEqual([figures.evalLoss, figures.bestStep], [expected.figures.evalLoss, expected.figures.bestStep]);
  assert.deepEqual(await evalLosses(cut), await evalLosses(whole));
});

async function evalLosses(training: TinyTraining): Promise<[number, number | undefined][]> {
  const lines = (await readFile(`${await training.runPath()}/metrics.jsonl`, "utf8")).trim().split("\n");
  return lines.map((line) => JSON.parse(line)).map(({ done, evalLoss }) => [done, evalLoss]);
}

test("the number of threads changes no bit", async (t) => {
  const one = await TinyTraining.make(t);
  const two = await one.twin();
  await trainInParts(one, [], 1);
  await trainInParts(two, [], 2);
  assert.deepEqual(await weightsOf(one), await weightsOf(two));
});

async function weightsOf(training: TinyTraining): Promise<Buffer> {
  return await readFile(`${await training.runPath()}/adapter/adapter_model.safetensors`);
}

test("a damaged checkpoint is skipped for the previous one, and the bytes are the same", async (t) => {
  const options = { training: { maxSteps: 10, batchTokens: 256, learningRate: "1e-2", checkpoint: { everySteps: 2 } } };
  const whole = await TinyTraining.make(t, options);
  const damaged = await whole.twin();
  await trainInParts(whole, []);
  await stopAfter(damaged, 7);
  const checkpoints = `${await damaged.runPath()}/checkpoints`;
  assert.deepEqual((await readdir(checkpoints)).sort(), ["step-6", "step-7"]);
  const state = await readFile(`${checkpoints}/step-7/state.safetensors`);
  state[state.length - 100]! ^= 1;
  await writeFile(`${checkpoints}/step-7/state.safetensors`, state);
  const words: string[] = [];
  await runTrain(await damaged.trainFile(), { ...damaged.context(), log: (line) => words.push(line) });
  assert.match(words.join("\n"), /step-7: the checkpoint is damaged[\s\S]*resuming after step 6/);
  assert.deepEqual(await weightsOf(whole), await weightsOf(damaged));
});

test("a checkpoint of another release is refused by name and kept", async (t) => {
  const training = await TinyTraining.make(t, { training: { maxSteps: 6, batchTokens: 64 } });
  await stopAfter(training, 3);
  const manifest = `${await training.runPath()}/checkpoints/step-3/manifest.json`;
  // The seal covers this content, so another release's checkpoint would have another seal.
  const { seal: _, ...known } = JSON.parse(await readFile(manifest, "utf8"));
  for (const change of [{ version: 2 }, { scheduler: "of a later release" }, { runHash: "of another run" }]) {
    const written = JSON.stringify({ ...known, ...change });
    await writeFile(manifest, written);
    await assert.rejects(runTrain(await training.trainFile(), training.context()), {
      code: 20,
      reason: "CheckpointUnknown",
      message: /step-3: .*(version|scheduler|runHash).*remove the checkpoint/,
    });
    assert.equal(await readFile(manifest, "utf8"), written);
  }
  await writeFile(manifest, JSON.stringify(known));
  assert.equal((await runTrain(await training.trainFile(), training.context())).figures.resumes, 1);
});

async function stopAfter(training: TinyTraining, step: number): Promise<void> {
  const controller = new AbortController();
  const onProgress = ({ phase, done }: Progress) => phase === "Training" && done >= step && controller.abort();
  await assert.rejects(
    runTrain(await training.trainFile(), { ...training.context(), onProgress, signal: controller.signal }),
    { code: 10, reason: "Stopped" },
  );
}

test("the next process removes the partial checkpoint of a killed one", async (t) => {
  const training = await TinyTraining.make(t, {
    training: { maxSteps: 6, batchTokens: 64, checkpoint: { everySteps: 2 } },
  });
  const checkpoints = `${await training.runPath()}/checkpoints`;
  await mkdir(`${checkpoints}/step-3.tmp-1-killed`, { recursive: true });
  await writeFile(`${checkpoints}/step-3.tmp-1-killed/state.safetensors`, "half");
  await stopAfter(training, 4);
  assert.deepEqual((await readdir(checkpoints)).sort(), ["step-2", "step-4"]);
});

test("a superseded writer stops before it commits", async (t) => {
  const training = await TinyTraining.make(t, {
    training: { maxSteps: 8, batchTokens: 64, checkpoint: { everySteps: 2 } },
  });
  const path = await training.runPath();
  const onProgress = ({ phase, done }: Progress) => {
    if (phase === "Training" && done === 1) void writeFile(`${path}/epochs/epoch-9`, "{}");
  };
  await assert.rejects(runTrain(await training.trainFile(), { ...training.context(), onProgress }), {
    code: 12,
    reason: "Superseded",
  });
  assert.equal((await readdir(path)).includes("report.json"), false);
});

test("the curve has a line for each step, also after a resume", async (t) => {
  const training = await TinyTraining.make(t);
  await trainInParts(training, [4, 9]);
  const lines = (await readFile(`${await training.runPath()}/metrics.jsonl`, "utf8")).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).done),
    Array.from({ length: 12 }, (_, index) => index + 1),
  );
});
