/** Adapters that a method mixes: prepare pins them, checks them, and refuses those that cannot be mixed. */
import assert from "node:assert/strict";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { prepareKey } from "../contract/hashes.ts";
import type { WrittenMethod } from "../contract/methods/index.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { pinsOf, prepareFile, trainFile } from "../contract/stageFiles.ts";
import { Objects } from "../stores/objects.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyAdapter } from "../testing/tinyAdapter.ts";
import { type TinyShape, writeTinyModel } from "../testing/tinyModel.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runPrepare } from "./prepare.ts";

const row = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n';
const usual: WrittenMethod = { lora: { rank: 2, targetModules: ["q_proj", "down_proj"] } };

async function place(t: TestContext, second: WrittenMethod = usual, shape: Partial<TinyShape> = {}) {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, shape);
  await writeFile(`${directory}/train.jsonl`, row);
  await writeTinyAdapter(`${directory}/first`, `${directory}/base`, { lora: { rank: 3, targetModules: ["q_proj"] } });
  await writeTinyAdapter(`${directory}/second`, `${directory}/base`, second);
  const spec: TrainingSpec = {
    baseModel: { uri: `file://${directory}/base` },
    dataset: { sources: [{ uri: `file://${directory}/train.jsonl` }], maxSequenceLength: 128 },
    method: { xlora: { adapters: ["first", "second"].map((name) => ({ uri: `file://${directory}/${name}` })) } },
  };
  const context = testContext(directory);
  const artifactRoot = `file://${directory}/artifacts`;
  const prepare = (changes: Partial<TrainingSpec> = {}) =>
    runPrepare(prepareFile({ spec: { ...spec, ...changes }, artifactRoot }), context);
  const runOf = async () => trainFile({ spec, artifactRoot }, pinsOf((await prepare()).figures)).runHash;
  const baseOf = (digest: string) =>
    StoredModel.staged(context.stores, new Objects(context.stores, artifactRoot), digest as `sha256:${string}`);
  return { directory, context, spec, prepare, runOf, baseOf };
}

test("the adapters become a part of the base, which names them and has a digest of its own", async (t) => {
  const { prepare, baseOf, runOf, directory, spec } = await place(t);
  const plain = await prepare({ method: { lora: {} } });
  const { figures, reused } = await prepare();
  assert.equal(reused, false);
  assert.notEqual(figures.baseDigest, plain.figures.baseDigest);
  assert.equal(figures.datasetDigest, plain.figures.datasetDigest);
  const facts = { ranks: [3, 2], modules: ["self_attn.q_proj", "mlp.down_proj"] };
  assert.deepEqual(figures.model.givenAdapters, facts);
  const base = await baseOf(figures.baseDigest);
  assert.deepEqual((await base.config()).givenAdapters, facts);
  const { hiddenSize, intermediateSize } = figures.model;
  const tensors = await base.tensors();
  const at = "model.layers.1.mlp.down_proj.given_";
  assert.deepEqual(tensors.get(`${at}A.weight`)?.shape, [5, intermediateSize]);
  assert.deepEqual(tensors.get(`${at}B.weight`)?.shape, [hiddenSize, 5]);
  assert.equal((await prepare()).reused, true);

  const hash = await runOf();
  const file = `${directory}/second/adapter_model.safetensors`;
  const weights = await readFile(file);
  weights[weights.length - 1]! ^= 1;
  await writeFile(file, weights);
  assert.notEqual((await prepare()).figures.baseDigest, figures.baseDigest);
  assert.notEqual(await runOf(), hash);
  const other = { ...spec, method: { xlora: { adapters: [...spec.method.xlora!.adapters].reverse() } } };
  assert.notEqual(prepareKey(other), prepareKey(spec));
});

test("a base that prepare quantises has the adapters in F32, and its other tensors keep their type", async (t) => {
  const { prepare, spec } = await place(t, usual, { dtype: "BF16" });
  const baseModel = { ...spec.baseModel, quantization: { type: "NF4" as const } };
  const { figures } = await prepare({ baseModel });
  assert.equal(figures.baseDataType, "BF16");
  assert.deepEqual(figures.model.givenAdapters?.ranks, [3, 2]);
});

test("adapters that cannot be mixed are refused, with the adapter, the reason and the fix", async (t) => {
  const cases: readonly (readonly [WrittenMethod, RegExp, Partial<TinyShape>?])[] = [
    [{ dora: {} }, /adapters\[1\].*adapter of the method dora, and only LoRA adapters are mixed: train it with/],
    [
      { lora: { targetModules: ["q_proj", "embed_tokens"] } },
      /adapters\[1\].*trains model\.embed_tokens\.lora_embedding_/,
      { tied: false },
    ],
    [
      { lora: { targetModules: ["q_proj"], modulesToSave: ["norm"] } },
      /adapters\[1\].*trains model\.layers\.0\.input_layernorm\.weight too/,
    ],
    [
      { lora: { targetModules: ["down_proj"], layers: [1] } },
      /different layers in different blocks.*same targetModules of all blocks/,
    ],
  ];
  for (const [second, reason, shape] of cases) {
    const { prepare } = await place(t, second, shape);
    await assert.rejects(prepare(), { code: 20, reason: "AdapterUnsupported", message: reason });
  }
});

test("an adapter that is missing, damaged, or of another model is refused by its number", async (t) => {
  const { prepare, directory } = await place(t);
  const other = `${directory}/other`;
  await writeTinyModel(other, { hiddenSize: 16 });
  await writeTinyAdapter(`${directory}/second`, other, usual);
  await assert.rejects(prepare(), { code: 23, message: /adapters\[1\].*numbers, but this model expects \[64, 2\]/ });
  await rm(`${directory}/second/adapter_config.json`);
  await assert.rejects(prepare(), { code: 20, message: /adapters\[1\].*second holds no adapter/ });
});

test("an adapter of X-LoRA is read with those in the folders beside it, and a missing one is named", async (t) => {
  const { directory, context } = await place(t);
  const classifier = `${directory}/mixing`;
  await cp(new URL("../../test/golden/data/peft-xlora", import.meta.url), classifier, { recursive: true });
  const read = () => readPeftAdapter(context.stores, `file://${classifier}`);
  assert.deepEqual(
    (await read())?.given?.map(({ settings }) => settings.rank),
    [3, 2],
  );
  const config = JSON.parse(await readFile(`${classifier}/adapter_config.json`, "utf8"));
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ use_trainable_adapters: true }, /use_trainable_adapters is not supported: true.*mix the frozen ones/],
    [{ enable_softmax: false }, /enable_softmax is not supported: false/],
    [{ top_k_lora: 1 }, /scaling_pass_value is not supported: 0\.5; supported: 0/],
    [{ adapters: { math: "a", code: "b" } }, /adapters is .*named 0, 1, 2/],
    [{ xlora_depth: 9 }, /xlora_depth is 9; it must be a whole number from 1 to 8/],
  ];
  for (const [change, reason] of refused) {
    await writeFile(`${classifier}/adapter_config.json`, JSON.stringify({ ...config, ...change }));
    await assert.rejects(read(), { code: 20, reason: "AdapterUnsupported", message: reason });
  }
  await writeFile(`${classifier}/adapter_config.json`, JSON.stringify(config));
  await rm(`${classifier}/1`, { recursive: true });
  await assert.rejects(read(), {
    reason: "AdapterMissing",
    message: /the adapter 1 that it mixes is missing: put its/,
  });
});
