/** Bases from other programs in every stage: prepared, trained by each method, exported, and named by others. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import { storeLayout } from "../contract/storeLayout.ts";
import { toBfloat16, widened } from "../formats/bfloat16.ts";
import { changeModel, type ModelChange, rename, type Tensors, zeros } from "../testing/changedModel.ts";
import { chatMl } from "../testing/tinyModel.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { runTrain } from "./train.ts";

const quick = { maxSteps: 2, batchTokens: 128, learningRate: "1e-2" };
const embedding = "model.embed_tokens.weight";
const headOnly: ModelChange = (tensors) => rename(tensors, (name) => (name === embedding ? "lm_head.weight" : name));
const bothTied: ModelChange = (tensors) => void tensors.set("lm_head.weight", tensors.get(embedding)!);
const withoutPrefix: ModelChange = (tensors, config) => {
  rename(tensors, (name) => name.replace(/^model\./, ""));
  config.architectures = ["LlamaModel"];
};

/** Trains a base whose checkpoint has `change`, and exports the result. */
async function exported(t: Parameters<typeof TinyTraining.make>[0], way: TinyOptions, change: ModelChange) {
  const training = await TinyTraining.make(t, { ...way, training: quick, examples: 20 });
  await changeModel(`${training.directory}/base`, change);
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  const file = await training.exportFile(figures.adapterDigest, {});
  await runExport(file, context);
  const uri = storeLayout.export(`file://${await training.runPath()}`, file.export);
  return { figures, training, uri, model: await StoredModel.inDirectory(context.stores, uri) };
}

const names: readonly [string, ModelChange][] = [
  ["under the head's name", headOnly],
  ["under both names of a tied matrix", bothTied],
  ["without `model.`", withoutPrefix],
];
/** Prepare reads the names before any method, so one way has all of them. */
const ways: readonly [string, TinyOptions, typeof names][] = [
  ["lora", {}, names.slice(0, 1)],
  ["lora on NF4", { quantization: { type: "NF4" } }, names],
  ["full", { method: { full: {} } }, names.slice(1, 2)],
];

for (const [way, options, checkpoints] of ways) {
  test(`${way}: a base has the same digest for all supported tensor names`, async (t) => {
    const plain = await exported(t, options, () => {});
    const written = [...(await plain.model.tensors()).keys()].sort();
    const bytes = await readFile(new URL(`${plain.uri}/model.safetensors`));
    for (const [what, change] of checkpoints) {
      const { figures, model, uri } = await exported(t, options, change);
      assert.equal(figures.loss, plain.figures.loss, what);
      const stored = await readFile(new URL(`${uri}/model.safetensors`));
      assert.deepEqual([...(await model.tensors()).keys()].sort(), written, what);
      assert.ok(stored.equals(bytes), `${what}: other weights`);
      const config = JSON.parse(await model.text("config.json"));
      assert.deepEqual(config.architectures, ["LlamaForCausalLM"]);
    }
  });
}

/** The checkpoint's tensors in another type, each by its name. */
const inTypes =
  (typeOf: (name: string) => "F32" | "BF16" | "F16"): ModelChange =>
  (tensors) => {
    for (const [name, { shape, data }] of tensors) {
      // F16 holds these values exactly: its 8 bits of BF16, without those that are too small.
      const values = widened(data, "BF16", new Float32Array(data.length / 2)).map((value) =>
        Math.abs(value) < 2 ** -14 ? 0 : value,
      );
      const dtype = typeOf(name);
      tensors.set(name, { dtype, shape, data: bytesAs(values, dtype) });
    }
  };

function bytesAs(values: Float32Array, dtype: "F32" | "BF16" | "F16"): Uint8Array {
  const stored = dtype === "F32" ? values : dtype === "F16" ? Float16Array.from(values) : toBfloat16(values);
  return new Uint8Array(stored.buffer);
}

const f16 = () => "F16" as const;
const mixed: readonly (readonly [string, TinyOptions, (name: string) => "F32" | "BF16" | "F16"])[] = [
  ["lora on F16", {}, f16],
  [
    "lora on NF4 of F16 and BF16 beside norms in F32",
    { quantization: { type: "NF4" } },
    (name) => (name.includes("norm") ? "F32" : name.includes("mlp") ? "F16" : "BF16"),
  ],
  ["full on F16", { method: { full: {} } }, f16],
];

describe("a base in F16 or in several types trains as the same numbers in one type", () => {
  for (const [what, options, typeOf] of mixed) {
    test(`${what} has the loss of F32`, async (t) => {
      const plain = await exported(
        t,
        options,
        inTypes(() => "F32"),
      );
      const { figures, model } = await exported(t, options, inTypes(typeOf));
      assert.equal(figures.loss, plain.figures.loss);
      const { torch_dtype: type } = JSON.parse(await model.text("config.json"));
      assert.equal(type, [...(await model.tensors()).values()][0]!.dtype === "F32" ? "float32" : "bfloat16");
    });
  }
});

/** The tiny Llama's tensors as a Gemma 2 has them. */
const asGemma2: ModelChange = (tensors, config) => {
  const { head_dim: _, hidden_act: __, ...rest } = config;
  for (const name of Object.keys(config)) delete config[name];
  Object.assign(config, rest, { model_type: "gemma2", head_dim: 16, sliding_window: 9, query_pre_attn_scalar: 16 });
  const norms = [...tensors].filter(([name]) => name.includes("layernorm"));
  for (const [name, { dtype, shape }] of norms) {
    const zero = zeros(dtype === "F32" ? "F32" : "BF16", ...shape);
    tensors.set(name, zero);
    tensors.set(name.replace("input_layernorm", "pre_feedforward_layernorm"), zero);
    tensors.set(name.replace("post_attention_layernorm", "post_feedforward_layernorm"), zero);
  }
};

/** The same with the matrices that Phi-3 fuses. */
const asPhi3: ModelChange = (tensors, config) => {
  Object.assign(config, { model_type: "phi3", sliding_window: 9, partial_rotary_factor: 0.5 });
  for (const layer of [0, 1]) {
    fuse(tensors, `model.layers.${layer}.self_attn`, ["q_proj", "k_proj", "v_proj"], "qkv_proj");
    fuse(tensors, `model.layers.${layer}.mlp`, ["gate_proj", "up_proj"], "gate_up_proj");
  }
};

function fuse(tensors: Tensors, at: string, parts: readonly string[], into: string): void {
  const found = parts.map((part) => tensors.get(`${at}.${part}.weight`)!);
  for (const part of parts) tensors.delete(`${at}.${part}.weight`);
  const { dtype, shape } = found[0]!;
  const rows = found.reduce((sum, tensor) => sum + tensor.shape[0]!, 0);
  const data = new Uint8Array(Buffer.concat(found.map((tensor) => tensor.data)));
  tensors.set(`${at}.${into}.weight`, { dtype, shape: [rows, shape[1]!], data });
}

for (const [family, change, architecture] of [
  ["gemma2", asGemma2, "Gemma2ForCausalLM"],
  ["phi3", asPhi3, "Phi3ForCausalLM"],
] as const) {
  test(`${family} is prepared in NF4, trained, exported and verified`, async (t) => {
    const { model, figures } = await exported(t, { quantization: { type: "NF4" } }, change);
    assert.ok(Number.isFinite(figures.loss));
    const { architectures, model_type: type } = JSON.parse(await model.text("config.json"));
    assert.deepEqual([type, architectures], [family, [architecture]]);
  });
}

const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
const scaled = { ...scaling, original_max_position_embeddings: 16 };

test("a scaled rotary embedding is trained, exported and verified, and differs from the plain one", async (t) => {
  const plain = await exported(t, {}, () => {});
  const { figures, model } = await exported(t, {}, (_, config) => void Object.assign(config, { rope_scaling: scaled }));
  assert.notEqual(figures.loss, plain.figures.loss);
  assert.deepEqual(JSON.parse(await model.text("config.json")).rope_scaling, scaled);
  assert.equal((await model.config()).ropeScaling?.type, "llama3");
});

test("Mistral without a window trains exactly as Llama", async (t) => {
  const llama = await exported(t, {}, () => {});
  const mistral = await exported(t, { shape: { family: "mistral" } }, () => {});
  assert.equal(mistral.figures.loss, llama.figures.loss);
  const { model_type: type, architectures } = JSON.parse(await mistral.model.text("config.json"));
  assert.deepEqual([type, architectures], ["mistral", ["MistralForCausalLM"]]);
});

const beside = {
  "tokenizer.model": "a SentencePiece model",
  "vocab.json": "{}",
  "merges.txt": "#version: 0.2",
  "added_tokens.json": "{}",
  "special_tokens_map.json": "{}",
  "generation_config.json": "{}",
  "chat_template.jinja": chatMl,
  "additional_chat_templates/tool_use.jinja": "{{ tools }}",
  LICENSE: "a licence",
  "LICENSE-MODEL.md": "another",
  "licenses/Apache-2.0.txt": "a third",
  "Notice.txt": "a notice",
  "USE_POLICY.md": "a policy",
  "Gemma_Terms_of_Use.txt": "terms",
};
const leftOut = {
  "pytorch_model.bin": "code",
  "modeling_acme.py": "code",
  "license.py": "code",
  "training_args.bin": "code",
  "README.md": "another model's card",
  "original/params.json": "{}",
};

for (const [way, options] of ways) {
  test(`${way}: an export has every file of the tokenizer, the licence and the policies, byte for byte, and no other`, async (t) => {
    const training = await TinyTraining.make(t, { ...options, training: { ...quick, maxSteps: 1 }, examples: 20 });
    const base = `${training.directory}/base`;
    for (const [name, text] of Object.entries({ ...beside, ...leftOut })) {
      await mkdir(path.dirname(`${base}/${name}`), { recursive: true });
      await writeFile(`${base}/${name}`, text);
    }
    const tokenizer = JSON.parse(await readFile(`${base}/tokenizer_config.json`, "utf8"));
    await writeFile(
      `${base}/tokenizer_config.json`,
      JSON.stringify({ ...tokenizer, tokenizer_class: "LlamaTokenizer" }),
    );
    const context = training.context();
    const { figures } = await runTrain(await training.trainFile(), context);
    const file = await training.exportFile(figures.adapterDigest, {});
    await runExport(file, context);
    const directory = `${await training.runPath()}/exports/${path.basename(storeLayout.export("", file.export))}`;
    const found = (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
    const own = [
      "README.md",
      "config.json",
      "manifest.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ];
    assert.deepEqual(found.sort(), [...own, ...Object.keys(beside)].sort());
    for (const [name, text] of Object.entries(beside)) {
      assert.equal(await readFile(`${directory}/${name}`, "utf8"), text, name);
    }
    const written = JSON.parse(await readFile(`${directory}/tokenizer_config.json`, "utf8"));
    assert.equal(written.tokenizer_class, "PreTrainedTokenizerFast");
    assert.equal(written.eos_token, tokenizer.eos_token);
    assert.doesNotMatch(await readFile(`${directory}/README.md`, "utf8"), /base model `\w+:/);
  });
}

test("an adapter names its base by a relative path, or by the name in config.json", async (t) => {
  const nameOf = async (change: ModelChange) => {
    const { training } = await exported(t, {}, change);
    const config = await readFile(`${await training.runPath()}/adapter/adapter_config.json`, "utf8");
    const { base_model_name_or_path: name, revision } = JSON.parse(config);
    return { name, revision, directory: training.directory };
  };
  const { name, directory } = await nameOf(() => {});
  assert.equal(name, `.${directory}/base`);
  const recorded = await nameOf((_, config) => void Object.assign(config, { _name_or_path: "acme/tiny-llama" }));
  assert.deepEqual([recorded.name, recorded.revision], ["acme/tiny-llama", null]);
});
