/** Trainings from their run files to their artifacts, on the native executor. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import type { ExportEntry } from "../contract/exports.ts";
import { StageFailure } from "../contract/failure.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { type TaskMetricName, taskMetricNames } from "../contract/taskMetrics.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { Chat } from "../generation/chat.ts";
import { Objects } from "../stores/objects.ts";
import { chatMl } from "../testing/tinyModel.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { runTrain } from "./train.ts";

const task: TinyOptions = { training: { maxSteps: 60, batchTokens: 512, learningRate: "2e-2" } };

test("LoRA learns a task, and its result is exported, read back and answers in a chat", async (t) => {
  const training = await TinyTraining.make(t, task);
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  assert.equal(figures.evaluationBefore!.exactMatch, 0);
  assert.equal(figures.evaluationAfter!.exactMatch, 1);
  assert.equal(figures.evaluationAfter!.majorityShare, 0.5);
  // A random guess costs ln 259 = 5.6.
  assert.ok(figures.evalLoss! < 4, String(figures.evalLoss));

  const exportFile = await training.exportFile(figures.adapterDigest, { maxShardBytes: 1_000_000 });
  const merged = await runExport(exportFile, context);
  assert.ok(merged.figures.maxLogitDifference > 0 && merged.figures.maxLogitDifference < 0.1);
  assert.equal((await runExport(exportFile, context)).reused, true);
  const spelledOut = {
    name: exportFile.export.name,
    merged: { base: "Original", dtype: "BF16", maxShardBytes: 1_000_000 },
  } as const;
  assert.equal((await runExport({ ...exportFile, export: spelledOut }, context)).reused, true);

  const path = await training.runPath();
  const base = await StoredModel.inDirectory(context.stores, `file://${training.directory}/base`);
  const adapter = await readPeftAdapter(context.stores, `file://${path}/adapter`);
  const exported = await StoredModel.inDirectory(
    context.stores,
    storeLayout.export(`file://${path}`, exportFile.export),
  );
  assert.deepEqual(await answersOf({ model: base, adapter: adapter! }), ["yes", "no"]);
  assert.deepEqual(await answersOf({ model: exported }), ["yes", "no"]);
});

test("an evaluation's answer ends at any of the model's end tokens", async (t) => {
  const training = await TinyTraining.make(t, { training: { ...task.training, maxSteps: 1 } });
  const everyToken = Array.from({ length: 259 }, (_, id) => id);
  await writeFile(`${training.directory}/base/generation_config.json`, JSON.stringify({ eos_token_id: everyToken }));
  const messages = [
    { role: "user", content: "odd 1" },
    { role: "assistant", content: " " },
  ];
  await writeFile(`${training.directory}/test.jsonl`, `${JSON.stringify({ messages })}\n`);
  const { figures } = await runTrain(await training.trainFile(), training.context());
  assert.equal(figures.evaluationBefore!.exactMatch, 1);
});

test("text that a template writes before every answer is learnt, but is no part of the answer in metrics and in a chat", async (t) => {
  const metrics: TaskMetricName[] = ["ExactMatch", "F1", "TokenAccuracy", "Pattern"];
  const evaluation = { metrics, pattern: "^(yes|no)$", maxNewTokens: 3 };
  const training = await TinyTraining.make(t, { ...task, evaluation });
  const base = `${training.directory}/base`;
  const opened = chatMl.replace("message['content']", "('<|pad|>' if message['role'] == 'assistant' else '') + $&");
  await writeFile(`${base}/chat_template.jinja`, opened);
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  const { exactMatch, metrics: after } = figures.evaluationAfter!;
  assert.deepEqual([figures.evaluationBefore!.exactMatch, exactMatch], [0, 1]);
  assert.deepEqual(after, { TokenAccuracy: 1, F1: 1, Pattern: 1 });
  const model = await StoredModel.inDirectory(context.stores, `file://${base}`);
  const adapter = await readPeftAdapter(context.stores, `file://${await training.runPath()}/adapter`);
  assert.deepEqual(await answersOf({ model, adapter: adapter! }), ["yes", "no"]);
});

test("QLoRA learns the task on an NF4 base, and merges into the original and into the dequantised weights", async (t) => {
  const training = await TinyTraining.make(t, { ...task, quantization: { type: "NF4" } });
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  assert.deepEqual([figures.evaluationBefore!.exactMatch, figures.evaluationAfter!.exactMatch], [0, 1]);

  const { baseDigest, baseRevision } = await training.prepare();
  assert.notEqual(baseDigest, baseRevision);
  const objects = new Objects(context.stores, training.artifactRoot);
  const original = await StoredModel.staged(context.stores, objects, baseRevision);
  const quantized = await StoredModel.staged(context.stores, objects, baseDigest);
  const path = await training.runPath();
  const adapter = (await readPeftAdapter(context.stores, `file://${path}/adapter`))!;
  const exported = async (name: string, merged: ExportEntry["merged"]) => {
    const { figures: made } = await runExport(await training.exportFile(figures.adapterDigest, merged, name), context);
    const uri = storeLayout.export(`file://${path}`, { name, merged });
    return { made, uri, model: await StoredModel.inDirectory(context.stores, uri) };
  };
  const entries = [
    { base: "Original", dtype: "F32", from: original, bound: 1e-3 },
    { base: "Original", dtype: "BF16", from: original, bound: 0.1 },
    { base: "Dequantized", dtype: "F32", from: quantized, bound: 1e-3 },
    { base: "Dequantized", dtype: "BF16", from: quantized, bound: 0.1 },
  ] as const;
  for (const { base, dtype, from, bound } of entries) {
    const { made, model } = await exported(`${base}-${dtype}`.toLowerCase(), { base, dtype });
    assert.ok(made.maxLogitDifference < bound, `${base} ${dtype}: ${made.maxLogitDifference}`);
    assert.deepEqual(await weightFacts(model), await weightFacts(original, dtype));
    assert.deepEqual(await answersOf({ model }), await answersOf({ model: from, adapter }));
  }
  const [ofDequantized, ofOriginal] = [await exported("d", { base: "Dequantized" }), await exported("o", {})];
  assert.ok((await weightFacts(ofDequantized.model)).every(([, dtype]) => dtype === "F32"));
  assert.ok((await weightFacts(ofOriginal.model)).every(([, dtype]) => dtype === "BF16"));
  const card = await readFile(new URL(`${ofDequantized.uri}/README.md`), "utf8");
  assert.match(card, /F32, merged with the base's NF4 weights, dequantised, in F32/);
});

test("a merged model in shards has an index that names every tensor's file, the base's companions, and a card with the figures", async (t) => {
  const training = await TinyTraining.make(t, {
    shape: { hiddenSize: 192, intermediateSize: 384, heads: 4, kvHeads: 2, layers: 2, tied: false },
    training: { maxSteps: 2, batchTokens: 128 },
    examples: 20,
  });
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  const file = await training.exportFile(figures.adapterDigest, { maxShardBytes: 1_000_000, dtype: "F32" });
  const { figures: exported } = await runExport(file, context);
  assert.ok(exported.shards >= 3, `${exported.shards} shards`);
  const uri = storeLayout.export(`file://${await training.runPath()}`, file.export);
  const directory = new URL(`${uri}/`);
  const names = (await readdir(directory)).sort();
  const shards = names.filter((name) => name.endsWith(".safetensors"));
  assert.equal(shards.length, exported.shards);
  const companions = ["README.md", "config.json", "manifest.json", "tokenizer.json", "tokenizer_config.json"];
  assert.deepEqual(
    names.filter((name) => !shards.includes(name)),
    [...companions, "model.safetensors.index.json"].sort(),
  );
  const index = JSON.parse(await readFile(new URL("model.safetensors.index.json", directory), "utf8"));
  const stored = await (await StoredModel.inDirectory(context.stores, uri)).tensors();
  const placed = Object.fromEntries([...stored.values()].map((tensor) => [tensor.name, tensor.file]));
  assert.deepEqual(index.weight_map, placed);
  const bytes = [...stored.values()].reduce((sum, { start, end }) => sum + end - start, 0);
  assert.equal(index.metadata.total_size, bytes);
  const config = JSON.parse(await readFile(new URL("config.json", directory), "utf8"));
  assert.equal(config.torch_dtype ?? config.dtype, "float32");
  const card = await readFile(new URL("README.md", directory), "utf8");
  assert.match(card, /LoRA, rank 4/);
  assert.ok(card.includes(`largest logit difference ${exported.maxLogitDifference.toPrecision(3)} `), card);
});

test("Qwen2 and Qwen3 are trained, on NF4 or in full, and exported with every tensor of the base", async (t) => {
  const qwen3 = { family: "qwen3", headDim: 24 } as const;
  const ways: [TinyOptions, RegExp, number][] = [
    [{ shape: { family: "qwen2" }, quantization: { type: "NF4" } }, /\.[qkv]_proj\.bias$/, 6],
    [{ shape: qwen3, quantization: { type: "NF4" } }, /\.[qk]_norm\.weight$/, 4],
    [{ shape: qwen3, method: { full: {} } }, /\.[qk]_norm\.weight$/, 4],
  ];
  for (const [way, own, count] of ways) {
    const training = await TinyTraining.make(t, {
      ...way,
      training: { maxSteps: 2, batchTokens: 128, learningRate: "1e-2" },
      examples: 20,
    });
    const context = training.context();
    const { figures } = await runTrain(await training.trainFile(), context);
    const file = await training.exportFile(figures.adapterDigest, {});
    await runExport(file, context);
    const base = await StoredModel.inDirectory(context.stores, `file://${training.directory}/base`);
    const uri = storeLayout.export(`file://${await training.runPath()}`, file.export);
    const merged = await StoredModel.inDirectory(context.stores, uri);
    assert.deepEqual(await merged.config(), await base.config());
    assert.deepEqual(await weightFacts(merged), await weightFacts(base));
    assert.equal([...(await merged.tensors()).keys()].filter((name) => own.test(name)).length, count);
  }
});

/** Names, types and shapes of a model's tensors; `dtype` replaces their own types. */
async function weightFacts(model: StoredModel, dtype?: string) {
  const facts = [...(await model.tensors()).values()].map((tensor) => {
    return [tensor.name, dtype ?? tensor.dtype, tensor.shape] as const;
  });
  return facts.sort(([a], [b]) => (a < b ? -1 : 1));
}

test("a base that was not quantised cannot be dequantised, and a base whose storage differs from the settings is refused", async (t) => {
  const training = await TinyTraining.make(t, { training: { maxSteps: 1 } });
  const file = await training.trainFile();
  const { figures } = await runTrain(file, training.context());
  const entry = await training.exportFile(figures.adapterDigest, { base: "Dequantized" });
  await assert.rejects(runExport(entry, training.context()), { code: 20, reason: "BaseNotQuantized" });
  const baseModel = { ...file.spec.baseModel, quantization: { type: "NF4" as const } };
  const other = { ...file, runHash: "0".repeat(64), spec: { ...file.spec, baseModel } };
  await assert.rejects(runTrain(other, training.context()), { code: 20, reason: "PinsMismatch" });
});

async function answersOf(options: Pick<Parameters<typeof Chat.open>[0], "model" | "adapter">): Promise<string[]> {
  const chat = await Chat.open({ ...options, threads: 1 });
  const sampling = { maxNewTokens: 8, temperature: 0, seed: 1, signal: new AbortController().signal };
  try {
    const answers: string[] = [];
    for (const content of ["even 950", "odd 951"]) {
      let answer = "";
      for await (const piece of chat.answer([{ role: "user", content }], sampling)) answer += piece;
      answers.push(answer);
    }
    return answers;
  } finally {
    chat.close();
  }
}

test("full fine-tuning learns the task by every metric, and its result is a model that is exported unchanged", async (t) => {
  const evaluation = { metrics: [...taskMetricNames], pattern: "^(yes|no)$" };
  const training = await TinyTraining.make(t, { ...task, method: { full: {} }, shape: { tied: false }, evaluation });
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  const { exactMatch, metrics: { Perplexity: perplexity, ...after } = {} } = figures.evaluationAfter!;
  assert.equal(exactMatch, 1);
  assert.deepEqual(after, { TokenAccuracy: 1, F1: 1, RougeL: 1, ValidJson: 0, Pattern: 1 });
  assert.ok(perplexity! >= 1 && perplexity! < 1.2, String(perplexity));
  const before = figures.evaluationBefore!.metrics!;
  assert.ok(before.Perplexity! > 100 && before.TokenAccuracy! < 0.5 && before.Pattern === 0, JSON.stringify(before));
  assert.equal(figures.trainableParameters, figures.totalParameters);
  const exportFile = await training.exportFile(figures.adapterDigest, {});
  const merged = await runExport(exportFile, context);
  assert.equal(merged.figures.maxLogitDifference, 0);
  const directory = storeLayout.export(await training.runPath(), exportFile.export);
  const card = await readFile(`${directory}/README.md`, "utf8");
  assert.match(card, /\| Token accuracy, held out \| [0-9.]+ % before, 100\.0 % after, on 8 examples \|/);
  assert.match(card, /\| Perplexity, held out \| [0-9.]+ before, 1\.[0-9]+ after, on 8 examples \|/);
});

test("references without a token cannot be predicted, which fails before the training", async (t) => {
  const training = await TinyTraining.make(t, { evaluation: { metrics: ["Perplexity"] } });
  const messages = [
    { role: "user", content: "odd 1" },
    { role: "assistant", content: " " },
  ];
  await writeFile(`${training.directory}/test.jsonl`, `${JSON.stringify({ messages })}\n`);
  const context = training.context();
  await assert.rejects(runTrain(await training.trainFile(), context), { reason: "ReferencesEmpty" });
  assert.ok(!context.progress.some(({ phase }) => phase === "Training"));
});

test("a finished run is not trained again, and a damaged or missing adapter is reported", async (t) => {
  const training = await TinyTraining.make(t);
  const file = await training.trainFile();
  const told = training.context();
  const first = await runTrain(file, told);
  const phases = (unit: string) => new Set(told.progress.filter((one) => one.unit === unit).map(({ phase }) => phase));
  assert.deepEqual([[...phases("steps")], phases("tensors").has("Saving")], [["Training"], true]);
  const context = training.context();
  const again = await runTrain(file, context);
  assert.deepEqual([again.reused, again.figures, again.reportDigest], [true, first.figures, first.reportDigest]);
  assert.deepEqual(context.progress, []);
  const weights = `${await training.runPath()}/adapter/adapter_model.safetensors`;
  const content = await readFile(weights);
  await writeFile(weights, content.fill(0, content.length - 4));
  await assert.rejects(runTrain(file, training.context()), { code: 23, reason: "AdapterCorrupt" });
  await rm(`${await training.runPath()}/adapter`, { recursive: true });
  await assert.rejects(runTrain(file, training.context()), { code: 23, reason: "AdapterMissing" });
  await writeFile(`${await training.runPath()}/report.json`, "cut");
  await assert.rejects(runTrain(file, training.context()), { code: 23, reason: "ReportInvalid" });
});

test("early stopping ends a run that no longer improves and keeps the best weights", async (t) => {
  const training = await TinyTraining.make(t, {
    training: {
      maxSteps: 400,
      batchTokens: 256,
      learningRate: "5e-2",
      evaluation: { everySteps: 2 },
      earlyStopping: { patience: 2 },
    },
  });
  const { figures } = await runTrain(await training.trainFile(), training.context());
  assert.ok(figures.steps < 400 && figures.bestStep === figures.steps - 4, `${figures.bestStep} of ${figures.steps}`);
});

test("the adapter has the best or the last weights, as configured, and another seed gives another adapter", async (t) => {
  const made = async (training: NonNullable<TinyOptions["training"]>) => {
    const learningRateSchedule = { type: "Constant", warmupRatio: "0" } as const;
    const common = { batchTokens: 256, learningRate: "5e-2", learningRateSchedule, evaluation: { everySteps: 2 } };
    const tiny = await TinyTraining.make(t, { training: { ...common, ...training } });
    const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
    return { figures, weights: await readFile(`${await tiny.runPath()}/adapter/adapter_model.safetensors`) };
  };
  const stopping = { maxSteps: 400, earlyStopping: { patience: 2 } };
  const best = await made({ ...stopping, keep: "Best" });
  const { bestStep } = best.figures;
  assert.ok(bestStep! < best.figures.steps);
  const untilThen = await made({ maxSteps: bestStep!, keep: "Last" });
  assert.deepEqual(best.weights, untilThen.weights);
  assert.notDeepEqual((await made({ ...stopping, keep: "Last" })).weights, best.weights);
  assert.notDeepEqual((await made({ maxSteps: bestStep!, keep: "Last", seed: 7 })).weights, untilThen.weights);
});

/** A training whose base has a changed final norm. */
async function withFinalNorm(t: TestContext, byte: number, options: TinyOptions = {}): Promise<TinyTraining> {
  const training = await TinyTraining.make(t, options);
  const path = `${training.directory}/base/model.safetensors`;
  const file = await readFile(path);
  decodeTensors(file).get("model.norm.weight")!.data.fill(byte);
  await writeFile(path, file);
  return training;
}

test("a loss that is not finite at step 1 stops the run, names the example and does not blame the learning rate", async (t) => {
  const training = await withFinalNorm(t, 0x7f);
  await assert.rejects(runTrain(await training.trainFile(), training.context()), (error) => {
    assert.ok(error instanceof StageFailure);
    assert.deepEqual([error.code, error.reason], [21, "LossNotFinite"]);
    assert.match(error.message, /step 1: .* of file:\/\/.*train\.jsonl:\d+; no weight was updated before/);
    assert.doesNotMatch(error.message, /learningRate/);
    return true;
  });
});

test("a gradient that is exactly zero stops the run", async (t) => {
  const training = await withFinalNorm(t, 0);
  await assert.rejects(runTrain(await training.trainFile(), training.context()), {
    ...{ code: 21, reason: "GradientZero" },
    message: /check dataset\.trainOn and the rows that begin with/,
  });
});

test("a gradient that is exactly zero names the objective of preferences, not dataset.trainOn", async (t) => {
  const rows = Array.from({ length: 10 }, (_, index) => ({
    prompt: `${index}`,
    chosen: `yes ${index}`,
    rejected: `no ${index}`,
  }));
  const training = await withFinalNorm(t, 0, { rows, training: { objective: { type: "DPO" } } });
  await assert.rejects(runTrain(await training.trainFile(), training.context()), {
    ...{ code: 21, reason: "GradientZero" },
    message: /check the options of training\.objective DPO and the answers in the rows that begin with/,
  });
});

test("a changed object is detected before training", async (t) => {
  const training = await TinyTraining.make(t);
  const file = await training.trainFile();
  const objects = `${training.directory}/artifacts/objects`;
  const sizes = await Promise.all(
    (await readdir(objects)).map(async (name) => ({ name, bytes: await readFile(`${objects}/${name}`) })),
  );
  for (const { name, bytes } of sizes) {
    const altered = Buffer.from(bytes);
    altered[bytes.length >> 1]! ^= 1;
    await writeFile(`${objects}/${name}`, altered);
    await assert.rejects(runTrain(file, training.context()), { code: 23 }, name);
    await writeFile(`${objects}/${name}`, bytes);
  }
});

test("an export of a changed adapter is refused", async (t) => {
  const training = await TinyTraining.make(t);
  const { figures } = await runTrain(await training.trainFile(), training.context());
  const path = `${await training.runPath()}/adapter/adapter_model.safetensors`;
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  await assert.rejects(runExport(await training.exportFile(figures.adapterDigest, {}), training.context()), {
    code: 23,
  });
  await assert.rejects(runExport(await training.exportFile(`sha256:${"0".repeat(64)}`, {}), training.context()), {
    code: 23,
    reason: "AdapterCorrupt",
  });
});

test("a damaged export is written again, and an intact one is not", async (t) => {
  const training = await TinyTraining.make(t);
  const { figures } = await runTrain(await training.trainFile(), training.context());
  const file = await training.exportFile(figures.adapterDigest, {});
  const first = await runExport(file, training.context());
  const [directory] = await readdir(`${await training.runPath()}/exports`);
  const weights = `${await training.runPath()}/exports/${directory}/model.safetensors`;
  const content = await readFile(weights);
  const altered = Buffer.from(content);
  altered[altered.length - 1]! ^= 1;
  for (const damage of [() => rm(weights), () => writeFile(weights, altered)]) {
    await damage();
    const again = await runExport(file, training.context());
    assert.deepEqual([again.reused, again.figures], [false, first.figures]);
    assert.deepEqual(await readFile(weights), content);
  }
  assert.equal((await runExport(file, training.context())).reused, true);
});

test("two exports with the same name and different settings have separate directories", async (t) => {
  const training = await TinyTraining.make(t);
  const { figures } = await runTrain(await training.trainFile(), training.context());
  const exported = async (dtype: "F32" | "BF16") =>
    await runExport(await training.exportFile(figures.adapterDigest, { dtype }), training.context());
  const [exact, rounded] = [await exported("F32"), await exported("BF16")];
  assert.notEqual(exact.figures.digest, rounded.figures.digest);
  assert.deepEqual(await exported("F32"), { ...exact, reused: true });
});
