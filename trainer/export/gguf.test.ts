/** GGUF files beside llama.cpp itself: its probabilities, its tokens, its greedy answers. */
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type GgufSettings, quantizations } from "../contract/exports.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { encodeSafetensors } from "../formats/safetensorsWriter.ts";
import { methodOf, methodToRun } from "../methods/index.ts";
import { runExport } from "../stages/export.ts";
import { exportUri } from "../stages/exportDirectory.ts";
import { runTrain } from "../stages/train.ts";
import { DirectoryWriter } from "../stores/directory.ts";
import { Stores } from "../stores/stores.ts";
import { LlamaModel } from "../testing/llamaCpp.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { tinyTokenizerConfig, tinyTokenizerJson } from "../testing/tinyModel.ts";
import { TinyTraining } from "../testing/tinyTraining.ts";
import { adapterManifest } from "../weights/adapter.ts";
import { readAdapter } from "../weights/adapterSource.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { ggufFormat } from "./gguf.ts";
import { type ExportSource, plainModel } from "./source.ts";
import { logitsOf } from "./verify.ts";

const stores = new Stores();
const goldens = new URL("../../test/golden/data/", import.meta.url);

/** A tokenizer for the goldens' 99 embeddings: a token for each of 94 characters. */
function smallTokenizer() {
  const tokenizer = tinyTokenizerJson();
  const characters = Object.keys(tokenizer.model.vocab).filter((text) => /^[!-~]$/.test(text));
  const vocab = Object.fromEntries(characters.map((text, id) => [text, id]));
  const added_tokens = tokenizer.added_tokens.map((token, index) => ({ ...token, id: 94 + index }));
  return { ...tokenizer, added_tokens, model: { ...tokenizer.model, vocab } };
}

/** A golden base with a tokenizer; `changes`: members of its config.json; `layer`: all layers are this one. */
async function goldenBase(t: TestContext, name: string, changes: object = {}, layer?: number): Promise<string> {
  const directory = `${await temporaryDirectory(t)}/base`;
  await cp(new URL(name, goldens), directory, { recursive: true });
  const config: Record<string, unknown> = JSON.parse(await readFile(`${directory}/config.json`, "utf8"));
  await writeFile(`${directory}/config.json`, JSON.stringify({ ...config, ...changes }));
  if (layer !== undefined) await keepLayer(directory, layer);
  const layers = layer === undefined ? Number(config.num_hidden_layers) : 1;
  if ("num_hidden_layers" in changes && changes.num_hidden_layers !== layers) await repeatLayers(directory, layers);
  await writeFile(`${directory}/tokenizer.json`, JSON.stringify(smallTokenizer()));
  await writeFile(`${directory}/tokenizer_config.json`, JSON.stringify(tinyTokenizerConfig()));
  return directory;
}

/** Leaves one layer of a golden base, without biases. */
async function keepLayer(directory: string, layer: number): Promise<void> {
  const weights = `${directory}/model.safetensors`;
  const tensors = [...decodeTensors(await readFile(weights))].flatMap(([name, tensor]) => {
    const [, found = String(layer)] = /\.layers\.(\d+)\./.exec(name) ?? [];
    if (found !== String(layer) || name.endsWith(".bias")) return [];
    return [{ name: name.replace(/\.layers\.\d+\./, ".layers.0."), ...tensor }];
  });
  await writeFile(weights, encodeSafetensors(tensors));
}

/** Writes the layers of a golden base twice. */
async function repeatLayers(directory: string, layers: number): Promise<void> {
  const weights = `${directory}/model.safetensors`;
  const tensors = [...decodeTensors(await readFile(weights))].map(([name, tensor]) => ({ name, ...tensor }));
  const copies = tensors
    .filter(({ name }) => name.includes(".layers."))
    .map(({ name, ...tensor }) => ({
      name: name.replace(/\.layers\.(\d+)\./, (_, layer) => `.layers.${Number(layer) + layers}.`),
      ...tensor,
    }));
  await writeFile(weights, encodeSafetensors([...tensors, ...copies]));
}

/** The base itself as an export: no adapter is merged. */
async function sourceOf(directory: string): Promise<ExportSource> {
  const base = await MergeBase.of(await StoredModel.inDirectory(stores, `file://${directory}`));
  const facts = { runHash: "", baseDigest: "", baseUri: "", method: { kind: "full" }, files: [] };
  const manifest = adapterManifest.parse({ kind: "adapter", version: 1, ...facts });
  return { base, adapter: { uri: "", manifest, tensors: new Map() }, method: methodOf({ kind: "none" }) };
}

const options = { threads: 1, onPrompt: () => {}, signal: new AbortController().signal };
const quiet = { stores, onTensor: () => {}, throwIfStopped: () => {} };

async function written(directory: string, settings: Partial<GgufSettings> = {}) {
  const format = ggufFormat({ base: "Original", quantization: "F16", ...settings });
  const source = await sourceOf(directory);
  const writer = await DirectoryWriter.begin(stores, `file://${directory}-out`);
  await format.write(writer, source, quiet);
  const { model } = await format.readBack(stores, writer.temporaryUri, writer.files, source);
  const file = `${writer.temporaryUri.slice("file://".length)}/model-${format.dtype}.gguf`;
  return { file, readBack: model, original: await plainModel(source.base.model) };
}

const linear = { rope_type: "linear", rope_theta: 10000, factor: 4 };
const llama3 = {
  ...{ rope_type: "llama3", rope_theta: 10000, factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 32,
};
const yarn = { rope_type: "yarn", rope_theta: 10000, factor: 4, original_max_position_embeddings: 16 };
const longRope = {
  ...{ rope_type: "longrope", rope_theta: 10_000, partial_rotary_factor: 0.5, original_max_position_embeddings: 256 },
  ...{ short_factor: [1.0, 1.3], long_factor: [1.5, 4.0] },
};
const windowless = { sliding_window: null };
const experts = { mlp_only_layers: [], attention_bias: false };
const bases: readonly { name: string; base: string; changes?: object; layer?: number; length?: number }[] = [
  { name: "Llama with a tied head", base: "base-tied" },
  { name: "Llama with its own head", base: "base-untied" },
  { name: "Llama with biases", base: "family-llama-biases" },
  { name: "Llama with linear scaling", base: "base-tied", changes: { rope_parameters: linear } },
  { name: "Llama 3", base: "base-tied", changes: { rope_parameters: llama3 } },
  { name: "Llama with YaRN", base: "base-tied", changes: { rope_parameters: yarn } },
  { name: "Mistral within its window", base: "family-mistral", length: 5 },
  { name: "Qwen2", base: "base-qwen2" },
  { name: "Qwen3", base: "base-qwen3" },
  { name: "Qwen2 with YaRN", base: "base-qwen2", changes: { rope_parameters: yarn } },
  { name: "Qwen3 with YaRN", base: "base-qwen3", changes: { rope_parameters: yarn } },
  {
    name: "SmolLM3",
    base: "family-smollm3",
    changes: { num_hidden_layers: 4, no_rope_layers: [1, 1, 1, 0], layer_types: null, use_sliding_window: false },
  },
  { name: "Gemma 2 beyond its window", base: "family-gemma2", changes: { query_pre_attn_scalar: 6 } },
  {
    name: "Gemma 3 beyond its window",
    base: "family-gemma3",
    changes: {
      ...{ num_hidden_layers: 6, query_pre_attn_scalar: 6, layer_types: null },
      rope_parameters: { full_attention: { ...linear, rope_theta: 50_000 }, sliding_attention: { rope_theta: 10_000 } },
    },
  },
  {
    name: "Llama with YaRN's own attention_factor",
    base: "base-tied",
    changes: { rope_parameters: { ...yarn, attention_factor: 1.3 } },
  },
  { name: "Ministral within its window", base: "family-ministral", length: 5 },
  { name: "Ministral 3 beyond its original context", base: "family-ministral3" },
  { name: "Mixtral", base: "family-mixtral", changes: windowless },
  {
    name: "Qwen3-MoE",
    base: "family-qwen3moe",
    changes: { ...experts, norm_topk_prob: true, num_hidden_layers: 2 },
    layer: 1,
  },
  {
    name: "Phi-3 with LongRoPE within its original context",
    base: "family-phi3",
    changes: {
      ...windowless,
      max_position_embeddings: 512,
      original_max_position_embeddings: 256,
      rope_parameters: longRope,
    },
  },
  {
    name: "Phi-3 without LongRoPE",
    base: "family-phi3",
    changes: { ...windowless, rope_parameters: { rope_theta: 10_000 }, original_max_position_embeddings: null },
  },
  { name: "OLMo 2", base: "family-olmo2" },
  { name: "Granite", base: "family-granite" },
];

for (const { name, base, changes, layer, length = 40 } of bases) {
  test(`llama.cpp computes from a GGUF file what the model computes: ${name}`, async (t) => {
    const { file, readBack, original } = await written(await goldenBase(t, base, changes, layer));
    const prompt = Array.from({ length }, (_, index) => (index * 37 + 5) % 94);
    const llama = await LlamaModel.load(t, file);
    const [found] = await llama.probabilities(prompt, [length - 1]);
    // The original's weights are not rounded to F16.
    for (const [model, bound] of [
      [readBack, 2e-2],
      [original, 4e-2],
    ] as const) {
      const [logits] = await logitsOf(model, [prompt], options);
      const total = logits!.reduce((sum, value) => sum + Math.exp(value), 0);
      const difference = Math.max(...logits!.map((value, token) => Math.abs(value - Math.log(total * found![token]!))));
      assert.ok(difference < bound, `logits differ by ${difference}`);
    }
  });
}

const text =
  "Dear Sir or Madam, your order of 12 books was sent on Monday. Please reply if it does not arrive within two weeks.\n\n" +
  "The mailing list is for people who write programs and want to discuss how the next version of it should work. To unsubscribe " +
  "send a message to the address below, and do not forget to say which list you want to leave. Thank you for your patience!\n";

test("llama.cpp answers as the model does in 16 bits, and nearly as well when quantised", async (t) => {
  const directory = `${await temporaryDirectory(t)}/base`;
  await cp(new URL("../../demo/base/model", import.meta.url), directory, { recursive: true });
  await writeFile(`${directory}/LICENSE`, "terms");
  const codec = await (await StoredModel.inDirectory(stores, `file://${directory}`)).codec();
  const [whole, prompt] = [await codec.tokenizer.encode(text), await codec.tokenizer.encode(text.slice(0, 40))];
  const perplexities: Record<string, number> = {};
  for (const quantization of quantizations) {
    const { file, original } = await written(directory, { quantization });
    assert.equal(await readFile(`${path.dirname(file)}/LICENSE`, "utf8"), "terms");
    const llama = await LlamaModel.load(t, file);
    assert.deepEqual(llama.encode(text), whole);
    perplexities[quantization] = await llama.perplexity(whole);
    if (quantization !== "F16" && quantization !== "BF16") continue;
    const answer = await llama.greedy(prompt, 8);
    const prefixes = answer.map((_, index) => [...prompt, ...answer.slice(0, index)]);
    const ours = (await logitsOf(original, prefixes, options)).map((logits) => logits.indexOf(Math.max(...logits)));
    assert.deepEqual(answer, ours);
  }
  const { F16, ...others } = perplexities;
  for (const [quantization, found] of Object.entries(others))
    assert.ok(
      Math.abs(found / F16! - 1) < perplexityShare[quantization]!,
      `${quantization}: ${found} instead of ${F16}`,
    );
});

/** The largest change of the perplexity, as a share of that in F16. */
const perplexityShare: Readonly<Record<string, number>> = {
  BF16: 0.01,
  Q8_0: 0.01,
  Q6_K: 0.1,
  Q5_K_M: 0.1,
  Q4_K_M: 0.1,
};

test("a trained model is exported as GGUF and verified, with its card", async (t) => {
  const tiny = await TinyTraining.make(t, {
    quantization: { type: "NF4" },
    training: { maxSteps: 4, learningRate: "1e-2" },
  });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const file = await tiny.exportFileOf(figures.adapterDigest, {
    name: "gguf",
    gguf: { base: "Dequantized", quantization: "Q8_0" },
  });
  const { figures: exported } = await runExport(file, tiny.context());
  assert.equal(exported.shards, 1);
  const card = await readFile(new URL(`${exportUri(file)}/README.md`), "utf8");
  assert.match(card, /library_name: gguf[\s\S]*GGUF, Q8_0, merged with the base's NF4 weights, dequantised, in F32/);
  assert.match(card, /\| Settings \| Supervised, 4 steps, 256 tokens per step in rows of 64, learning rate 0\.01 /);
  await LlamaModel.load(t, new URL(`${exportUri(file)}/model-Q8_0.gguf`).pathname);
});

test("llama.cpp applies an adapter's GGUF file to that of the base, and answers as the trained model does", async (t) => {
  const lora = {
    ...{ rank: 4, alpha: 8, rankStabilized: true, targetModules: ["q_proj", "k_proj", "v_proj", "down_proj"] },
    ...{ rankPattern: { q_proj: 2 }, alphaPattern: { k_proj: 30 } },
  };
  const training = { maxSteps: 20, learningRate: "2e-2" };
  const tiny = await TinyTraining.make(t, { method: { lora }, training });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const file = await tiny.exportFileOf(figures.adapterDigest, { name: "lora", ggufAdapter: {} });
  const { figures: exported } = await runExport(file, tiny.context());
  assert.ok(exported.maxLogitDifference < 1e-4, `${exported.maxLogitDifference}`);
  const card = await readFile(new URL(`${exportUri(file)}/README.md`), "utf8");
  assert.match(card, /library_name: gguf[\s\S]*GGUF, F32, the adapter by itself/);

  const base = await written(`${tiny.directory}/base`);
  const adapter = await readAdapter(stores, `file://${await tiny.runPath()}/adapter`, figures.adapterDigest);
  const trained = { ...base.original, method: methodToRun(adapter.manifest.method), adapter: adapter.tensors };
  const llama = await LlamaModel.load(t, base.file);
  const prompt = Array.from({ length: 20 }, (_, index) => (index * 37 + 5) % 200);
  const [plain] = await llama.probabilities(prompt, [19]);
  await llama.apply(new URL(`${exportUri(file)}/adapter.gguf`).pathname);
  const [adapted] = await llama.probabilities(prompt, [19]);
  const [logits] = await logitsOf(trained, [prompt], options);
  const total = logits!.reduce((sum, value) => sum + Math.exp(value), 0);
  const differenceOf = (found: Float32Array) =>
    Math.max(...logits!.map((value, token) => Math.abs(value - Math.log(total * found[token]!))));
  assert.ok(differenceOf(adapted!) < 2e-2, `logits differ by ${differenceOf(adapted!)}`);
  assert.ok(differenceOf(plain!) > 0.5, `the adapter changes logits by ${differenceOf(plain!)} only`);
  const answer = await llama.greedy(prompt, 6);
  const prefixes = answer.map((_, index) => [...prompt, ...answer.slice(0, index)]);
  const ours = (await logitsOf(trained, prefixes, options)).map((values) => values.indexOf(Math.max(...values)));
  assert.deepEqual(answer, ours);
});

test("an adapter with more than products of linear layers is no adapter of llama.cpp", async (t) => {
  const lora = { targetModules: ["q_proj"], modulesToSave: ["lm_head"] };
  const tiny = await TinyTraining.make(t, { shape: { tied: false }, method: { lora }, training: { maxSteps: 1 } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const file = await tiny.exportFileOf(figures.adapterDigest, { name: "lora", ggufAdapter: {} });
  await assert.rejects(runExport(file, tiny.context()), /ggufAdapter is for llama\.cpp, .*: remove this export/);
});

const refusals: readonly { name: string; base: string; changes?: object; layer?: number; message: RegExp }[] = [
  {
    name: "gpt-oss",
    base: "family-gptoss",
    message:
      /the family gpt_oss are not supported, because llama\.cpp rounds the bounds of YaRN's ramp .*: export merged, and serve/,
  },
  {
    name: "weights of experts that do not sum to one",
    base: "family-qwen3moe",
    changes: { ...experts, num_hidden_layers: 1 },
    layer: 1,
    message: /does not compute qwen3_moe with norm_topk_prob false/,
  },
  {
    name: "layers without experts",
    base: "family-qwen3moe",
    changes: { mlp_only_layers: [0], attention_bias: false, norm_topk_prob: true, num_hidden_layers: 1 },
    layer: 0,
    message: /does not compute qwen3_moe with mlp_only_layers/,
  },
  {
    name: "biases that llama.cpp leaves out",
    base: "family-qwen3-biases",
    message: /no attention_bias for qwen3: export merged/,
  },
  {
    name: "other layers with a window",
    base: "family-gemma3",
    changes: {
      query_pre_attn_scalar: 6,
      rope_parameters: { full_attention: null, sliding_attention: { rope_theta: 10_000 } },
    },
    message: /does not compute gemma3_text with layer_types of another pattern: export merged/,
  },
  {
    name: "another scale of attention",
    base: "family-gemma2",
    message: /does not compute gemma2 with query_pre_attn_scalar that is not head_dim/,
  },
  {
    name: "a scaling that llama.cpp is not known to compute",
    base: "family-olmo2",
    changes: { rope_parameters: llama3 },
    message: /llama\.cpp is not known to compute rope_type "llama3" for olmo2/,
  },
  {
    name: "another YaRN",
    base: "base-tied",
    changes: { rope_parameters: { ...yarn, beta_fast: 16 } },
    message: /YaRN with its own beta_fast/,
  },
];

for (const { name, base, changes, layer, message } of refusals) {
  test(`a model that llama.cpp would compute otherwise is refused with what to do: ${name}`, async (t) => {
    await assert.rejects(written(await goldenBase(t, base, changes, layer)), message);
  });
}
