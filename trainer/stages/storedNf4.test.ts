/** A base that bitsandbytes quantised trains in its own bits, and its adapter merges with the restored weights. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { effectiveSettings } from "../contract/effective.ts";
import { plan } from "../planning/plan.ts";
import { cpuTarget } from "../planning/target.ts";
import { inBitsandbytes } from "../testing/bitsandbytes.ts";
import { changeModel } from "../testing/changedModel.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { runExport } from "./export.ts";
import { exportUri } from "./exportDirectory.ts";
import { runPrepare } from "./prepare.ts";
import { runTrain } from "./train.ts";

const short: TinyOptions = { training: { maxSteps: 3, batchTokens: 128, learningRate: "1e-2" } };

test("a base that was quantised before gives the adapter of one that prepare quantises so", async (t) => {
  const ours = await TinyTraining.make(t, { ...short, quantization: { type: "NF4" } });
  const theirs = await TinyTraining.make(t, short);
  await changeModel(`${theirs.directory}/base`, inBitsandbytes(true));
  const { figures } = await runPrepare(theirs.prepareFile(), theirs.context());
  assert.deepEqual(figures.quantized, { type: "NF4", doubleQuantization: true, bytes: figures.baseBytes });
  assert.equal(figures.baseRevision, figures.baseDigest);
  const [one, other] = [
    await runTrain(await ours.trainFile(), ours.context()),
    await runTrain(await theirs.trainFile(), theirs.context()),
  ];
  const adapterOf = async (tiny: TinyTraining, file: string) =>
    await readFile(`${await tiny.runPath()}/adapter/${file}`);
  const weights = "adapter_model.safetensors";
  assert.deepEqual(await adapterOf(theirs, weights), await adapterOf(ours, weights));
  assert.equal(other.figures.loss, one.figures.loss);
  assert.equal(other.figures.predictedPeakBytes, one.figures.predictedPeakBytes);
  const config = JSON.parse((await adapterOf(theirs, "adapter_config.json")).toString());
  assert.match(config.base_model_name_or_path, /^\.\/.*\/base$/);
});

test("a partly quantised base is planned as it is trained, and exported as plain weights without quantization_config", async (t) => {
  const tiny = await TinyTraining.make(t, short);
  await changeModel(`${tiny.directory}/base`, inBitsandbytes(true, ["k_proj", "model.layers.1.mlp.up_proj"]));
  const { figures } = await runPrepare(tiny.prepareFile(), tiny.context());
  const { model, baseDataType, quantized, dataset } = figures;
  assert.deepEqual(quantized?.unquantized, ["model.layers.1.mlp.up_proj", "self_attn.k_proj"]);
  const trained = await runTrain(await tiny.trainFile(), tiny.context());
  const { threads } = tiny.context();
  const input = { model, baseDataType, quantized, dataset, target: cpuTarget(threads), isRemote: false };
  const planned = plan({ ...input, settings: effectiveSettings(tiny.spec), availableBytes: 2 ** 34 });
  assert.equal(planned.predictedPeakBytes, trained.figures.predictedPeakBytes);
  assert.deepEqual(planned.spec.storage.unquantized, quantized?.unquantized);
  const tight = plan({ ...input, settings: effectiveSettings(tiny.spec), availableBytes: 2 ** 20 });
  assert.doesNotMatch(tight.nearestFit?.change ?? "", /quantization/);
  for (const merged of [{}, { base: "Dequantized", dtype: "F32" }] as const) {
    const file = await tiny.exportFile(trained.figures.adapterDigest, merged);
    await runExport(file, tiny.context());
    const at = exportUri(file).slice("file://".length);
    const config = JSON.parse(await readFile(`${at}/config.json`, "utf8"));
    assert.ok(!("quantization_config" in config));
    assert.match(await readFile(`${at}/README.md`, "utf8"), /merged with the base's NF4 weights, dequantised/);
  }
});

test("quantising a base that is quantised already is refused with the field and the fix", async (t) => {
  const tiny = await TinyTraining.make(t, { ...short, quantization: { type: "NF4" } });
  await changeModel(`${tiny.directory}/base`, inBitsandbytes(true));
  await assert.rejects(runPrepare(tiny.prepareFile(), tiny.context()), {
    reason: "BaseAlreadyQuantized",
    message: /baseModel\.quantization: the base model is stored in NF4 already.*remove quantization/,
  });
});
