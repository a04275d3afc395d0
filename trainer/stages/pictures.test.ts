/** A base that reads pictures too: its language model is trained, exported by itself, and its adapter fits the whole model. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { storeLayout } from "../contract/storeLayout.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { changeModel, type ModelChange, rename, zeros } from "../testing/changedModel.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { readPeftAdapter } from "../weights/adapterSource.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { runTrain } from "./train.ts";

/** The tiny Llama's tensors as Gemma 3's language model has them. */
const asGemma3: ModelChange = (tensors, config) => {
  const { head_dim: _, hidden_act: __, rope_theta: ___, ...rest } = config;
  for (const name of Object.keys(config)) delete config[name];
  const types = ["sliding_attention", "full_attention"];
  Object.assign(config, rest, { model_type: "gemma3_text", head_dim: 16, sliding_window: 9, layer_types: types });
  Object.assign(config, { query_pre_attn_scalar: 16 });
  for (const [name, { shape }] of [...tensors].filter(([one]) => one.includes("layernorm"))) {
    const zero = zeros("BF16", ...shape);
    tensors.set(name, zero);
    tensors.set(name.replace("input_layernorm", "pre_feedforward_layernorm"), zero);
    tensors.set(name.replace("post_attention_layernorm", "post_feedforward_layernorm"), zero);
  }
  for (const layer of [0, 1])
    for (const norm of ["q_norm", "k_norm"])
      tensors.set(`model.layers.${layer}.self_attn.${norm}.weight`, zeros("BF16", 16));
};

/** The same inside a model with pictures, by the names of one version of transformers or another. */
const wrapped =
  (nameOf: (name: string) => string): ModelChange =>
  (tensors, config) => {
    asGemma3(tensors, config);
    rename(tensors, nameOf);
    tensors.set("vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight", zeros("BF16", 8, 8));
    tensors.set("multi_modal_projector.mm_input_projection_weight", zeros("BF16", 8, 64));
    const text = { ...config };
    for (const name of Object.keys(config)) delete config[name];
    Object.assign(config, { model_type: "gemma3", architectures: ["Gemma3ForConditionalGeneration"] });
    Object.assign(config, { text_config: text, vision_config: { hidden_size: 8 }, mm_tokens_per_image: 4 });
  };

const names = [
  (name: string) => `language_model.${name}`,
  (name: string) => name.replace(/^model\./, "model.language_model."),
];

async function trained(t: TestContext, options: TinyOptions, change: ModelChange) {
  const quick = { maxSteps: 2, batchTokens: 128, learningRate: "1e-2" };
  const training = await TinyTraining.make(t, { ...options, training: quick, examples: 20 });
  await changeModel(`${training.directory}/base`, change);
  const context = training.context();
  const { figures } = await runTrain(await training.trainFile(), context);
  const file = await training.exportFile(figures.adapterDigest, {});
  await runExport(file, context);
  const at = `${await training.runPath()}`;
  const uri = storeLayout.export(`file://${at}`, file.export);
  return { at, figures, context, merged: await StoredModel.inDirectory(context.stores, uri), uri };
}

test("an adapter of the language model has the whole model's names, and is read back as the language model's own", async (t) => {
  const method = { lora: { rank: 2, targetModules: ["q_proj", "down_proj"], modulesToSave: ["norm"] } };
  const plain = await trained(t, { method }, asGemma3);
  const own = await readPeftAdapter(plain.context.stores, `file://${plain.at}/adapter`);
  const weights = async ({ uri }: { uri: string }) => await readFile(new URL(`${uri}/model.safetensors`));
  for (const nameOf of names) {
    const whole = await trained(t, { method }, wrapped(nameOf));
    assert.equal(whole.figures.loss, plain.figures.loss);
    const keys = [...decodeTensors(await readFile(`${whole.at}/adapter/adapter_model.safetensors`)).keys()];
    assert.ok(
      keys.every((key) => key.startsWith("base_model.model.model.language_model.")),
      keys.join(", "),
    );
    const config = JSON.parse(await readFile(`${whole.at}/adapter/adapter_config.json`, "utf8"));
    assert.deepEqual(config.target_modules, [
      "language_model.layers.0.mlp.down_proj",
      "language_model.layers.0.self_attn.q_proj",
      "language_model.layers.1.mlp.down_proj",
      "language_model.layers.1.self_attn.q_proj",
    ]);
    assert.deepEqual(config.modules_to_save, ["language_model.norm"]);
    const read = await readPeftAdapter(whole.context.stores, `file://${whole.at}/adapter`);
    assert.deepEqual(read?.tensors, own?.tensors);
    assert.ok((await weights(whole)).equals(await weights(plain)), "the merged language model has the same bytes");
    const made = JSON.parse(await whole.merged.text("config.json"));
    assert.deepEqual([made.model_type, made.architectures], ["gemma3_text", ["Gemma3ForCausalLM"]]);
    assert.deepEqual(
      [made.text_config, made.vision_config, made.mm_tokens_per_image],
      [undefined, undefined, undefined],
    );
  }
});

test("the language model of a model with pictures is quantised, trained whole and exported by itself", async (t) => {
  for (const options of [{ quantization: { type: "NF4" } }, { method: { full: {} } }] as const) {
    const plain = await trained(t, options, asGemma3);
    const whole = await trained(t, options, wrapped(names[0]!));
    assert.equal(whole.figures.loss, plain.figures.loss);
    assert.deepEqual([...(await whole.merged.tensors()).keys()], [...(await plain.merged.tensors()).keys()]);
  }
});
