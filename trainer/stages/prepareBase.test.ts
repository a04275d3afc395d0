/** Prepare quantises a base once, and checks its weights. */
import assert from "node:assert/strict";
import { appendFile, readFile, rm, stat, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { prepareKey } from "../contract/hashes.ts";
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
import { addon } from "../native/addon.ts";
import { changeModel, rename } from "../testing/changedModel.ts";
import { chat, place, withNaN } from "../testing/preparation.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runPrepare } from "./prepare.ts";

async function quantizedPlace(t: TestContext, doubleQuantization: boolean) {
  const made = await place(t);
  const { file } = made;
  const baseModel = { ...file.baseModel, quantization: { type: "NF4" as const, doubleQuantization } };
  const key = prepareKey({ baseModel, dataset: file.dataset, method: { lora: {} }, evaluation: file.evaluation });
  return { ...made, quantized: { ...file, baseModel, prepareKey: key } };
}

for (const doubleQuantization of [true, false]) {
  test(`a base is quantised to NF4${doubleQuantization ? " twice" : ""} and staged beside the original`, async (t) => {
    const { file, quantized, context, objects } = await quantizedPlace(t, doubleQuantization);
    const [plain, { figures }] = [await runPrepare(file, context), await runPrepare(quantized, context)];
    assert.equal(figures.baseRevision, plain.figures.baseDigest);
    assert.notEqual(figures.baseDigest, plain.figures.baseDigest);
    assert.equal(figures.baseDataType, "BF16");
    assert.deepEqual({ ...figures.quantized, bytes: 0 }, { type: "NF4", doubleQuantization, bytes: 0 });
    assert.ok(figures.quantized!.bytes < plain.figures.baseBytes);

    const manifest = await getManifest(objects, figures.baseDigest, baseManifest);
    assert.equal(manifest.original, plain.figures.baseDigest);
    const staged = StoredModel.ofManifest(context.stores, objects, manifest);
    const original = await StoredModel.staged(context.stores, objects, plain.figures.baseDigest);
    assert.deepEqual(await staged.config(), await original.config());
    const [made, source] = [await tensorsOf(staged), await tensorsOf(original)];
    const expected = [...source].flatMap(([name, bytes]): [string, Uint8Array][] => {
      if (!name.includes("_proj")) return [[name, bytes]];
      const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(bytes, "BF16", doubleQuantization);
      const nested: [string, Uint8Array][] = nestedAbsmax ? [[`${name}.nested_absmax`, nestedAbsmax]] : [];
      return [[name, packed], [`${name}.absmax`, absmax], ...nested];
    });
    assert.deepEqual(made, new Map(expected));
    assert.deepEqual(await staged.storage(), { dense: "BF16", linear: "NF4", doubleQuantization });
  });
}

async function tensorsOf(model: StoredModel): Promise<Map<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>();
  for (const tensor of (await model.tensors()).values()) {
    all.set(tensor.name, new Uint8Array(await model.read(tensor.file, tensor)));
  }
  return all;
}

test("a base is quantised once: other data reuse it, and a missing part is made again with the same bytes", async (t) => {
  const { quantized, context, objects, directory } = await quantizedPlace(t, true);
  const { baseDigest } = (await runPrepare(quantized, context)).figures;
  const [shard] = (await getManifest(objects, baseDigest, baseManifest)).files.slice(-1);
  const path = fileURLToPath(await objects.localCopy(shard!.digest));
  const written = (await stat(path)).mtimeMs;
  await appendFile(`${directory}/train.jsonl`, `${chat("is 41 even?", "no")}\n`);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
  assert.equal((await stat(path)).mtimeMs, written);
  await rm(path);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
  await objects.localCopy(shard!.digest);
  await rm(`${directory}/artifacts/quantized`, { recursive: true });
  await appendFile(`${directory}/train.jsonl`, `${chat("is 42 even?", "yes")}\n`);
  assert.equal((await runPrepare(quantized, context)).figures.baseDigest, baseDigest);
});

test("a damaged base is detected on every attempt, and its repaired files are prepared", async (t) => {
  const { directory, file, context } = await place(t);
  const whole = await readFile(`${directory}/base/model.safetensors`);
  await changeModel(`${directory}/base`, withNaN);
  for (let time = 0; time < 2; time += 1) {
    await assert.rejects(runPrepare(file, context), { reason: "BaseModelCorrupt" });
  }
  await writeFile(`${directory}/base/model.safetensors`, whole);
  assert.equal((await runPrepare(file, context)).reused, false);
});

test("a base with other tensor names gives the same NF4 weights", async (t) => {
  const [plain, bare] = [await place(t), await place(t)];
  const dropped = (name: string) =>
    name === "model.embed_tokens.weight" ? "embed_tokens.weight" : name.slice("model.".length);
  await changeModel(`${bare.directory}/base`, (tensors, config) => {
    rename(tensors, dropped);
    config.architectures = ["LlamaModel"];
  });
  const names: string[][] = [];
  for (const { file, context, objects } of [plain, bare]) {
    const quantization = { type: "NF4" as const };
    const { figures } = await runPrepare({ ...file, baseModel: { ...file.baseModel, quantization } }, context);
    const model = await StoredModel.staged(context.stores, objects, figures.baseDigest);
    const shards = model.names().filter((name) => name.endsWith(".safetensors"));
    names.push(shards.map((name) => String(model.file(name).entry.digest)));
  }
  assert.deepEqual(names[0], names[1]);
});
