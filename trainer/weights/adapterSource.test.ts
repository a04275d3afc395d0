/** Adapters from any source: errors name file, tensor and fault, and nothing crashes. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { StageFailure } from "../contract/failure.ts";
import { Engine } from "../engine/engine.ts";
import { widened } from "../formats/bfloat16.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { Chat } from "../generation/chat.ts";
import { Stores } from "../stores/stores.ts";
import { tinyLora, tinyModel } from "../testing/compiledRun.ts";
import { uniform } from "../testing/opCases.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { tinyVocabSize, writeTinyModel } from "../testing/tinyModel.ts";
import { readPeftAdapter } from "./adapterSource.ts";
import { encodeValues } from "./merge.ts";
import { adapterConfig } from "./peftConfig.ts";
import { StoredModel } from "./storedModel.ts";

const rank = 2;
const settings = { ...tinyLora, rank, alpha: 4, targetModules: ["q_proj"] };
/** The settings that a configuration without these starts has. */
const withoutStarts = { loftqIterations: undefined, evaRho: undefined, evaTau: undefined };
const goodConfig = adapterConfig(
  settings,
  { modules: ["q_proj"], model: tinyModel, parameters: [], steps: 1 },
  { name: "./base/model", revision: null },
);

const site = (layer: number) => `base_model.model.model.layers.${layer}.self_attn.q_proj`;
const tensor = (name: string, shape: number[], dtype: TensorData["dtype"] = "F32"): TensorData => {
  const bytes = { F32: 4, BF16: 2, F16: 2, I64: 8 }[dtype as "F32"];
  return { name, dtype, shape, data: new Uint8Array(shape.reduce((product, dim) => product * dim, bytes)) };
};
const pair = (layer: number, width = 64) => [
  tensor(`${site(layer)}.lora_A.weight`, [rank, width]),
  tensor(`${site(layer)}.lora_B.weight`, [64, rank]),
];
const withNaN = (one: TensorData): TensorData => {
  new DataView(one.data.buffer, one.data.byteOffset).setFloat32(12, Number.NaN, true);
  return one;
};
const good = encodeSafetensors([...pair(0), ...pair(1)]);

interface Files {
  config?: string;
  weights?: Uint8Array;
}

async function read(directory: string, { config = goodConfig, weights = good }: Files) {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(`${directory}/adapter_config.json`, config);
  await writeFile(`${directory}/adapter_model.safetensors`, weights);
  return await readPeftAdapter(new Stores(), `file://${directory}`);
}

const withConfig = (change: object) => ({ config: JSON.stringify({ ...JSON.parse(goodConfig), ...change }) });
const withTensors = (...tensors: TensorData[]) => ({ weights: encodeSafetensors(tensors) });

/** The beginning of an error about adapter_config.json. */
const configError = (words: string) => new RegExp(`^adapter_config\\.json: ${RegExp.escape(words)}`);

/** Initialisations that subtract a part from the base. */
const starts = ["pissa", "pissa_niter_4", "olora", "loftq", "corda", "lora_ga", "mica", "something new"];

/** Options of PEFT that change what an adapter computes. */
const options = {
  lora_bias: true,
  fan_in_fan_out: true,
  use_qalora: true,
  layer_replication: [[0, 1]],
  alora_invocation_tokens: [1, 2],
  megatron_config: { model: 1 },
  arrow_config: { top_k: 3 },
  an_option_of_tomorrow: 0,
};

const hostile: [string, Files, RegExp][] = [
  ["an empty configuration", { config: "" }, configError("not JSON")],
  ["a configuration that is a list", { config: "[]" }, configError("not a JSON object")],
  ["a configuration nested deeply", { config: "[".repeat(200_000) }, configError("not JSON")],
  [
    "another method",
    withConfig({ peft_type: "OFT" }),
    configError('peft_type is not supported: "OFT"; merge the adapter in PEFT'),
  ],
  ["no method", withConfig({ peft_type: undefined }), configError("peft_type is missing")],
  ["rank 0", withConfig({ r: 0 }), configError("r is 0; it must be a whole number from 1 to 4096")],
  ["no rank", withConfig({ r: undefined }), configError("r is missing; it must be a whole number")],
  ["an enormous rank", withConfig({ r: 1e9 }), configError("r is 1000000000; it must be")],
  ["a rank that is a string", withConfig({ r: "2" }), configError('r is "2"; it must be')],
  ["a negative alpha", withConfig({ lora_alpha: -1 }), configError("lora_alpha is -1; it must be a number above 0")],
  [
    "a dropout above 1",
    withConfig({ lora_dropout: 2 }),
    configError("lora_dropout is 2; it must be a number from 0 to 1"),
  ],
  [
    "a flag that is text",
    withConfig({ use_rslora: "yes" }),
    configError('use_rslora is "yes"; it must be true or false'),
  ],
  [
    "modules as a pattern, without weights of a layer",
    { ...withConfig({ target_modules: ".*_proj" }), ...withTensors(tensor("model.norm.weight", [64])) },
    configError("target_modules is []; it must be a list of 1 to 1024 names of layers"),
  ],
  [
    "a module by no name",
    withConfig({ target_modules: ["q proj"] }),
    configError('target_modules is ["q proj"]; it must be a list'),
  ],
  ["no modules", withConfig({ target_modules: [] }), configError("target_modules is []; it must be a list")],
  [
    "another task",
    withConfig({ task_type: "SEQ_CLS" }),
    configError('task_type is not supported: "SEQ_CLS"; supported: "CAUSAL_LM"'),
  ],
  [
    "biases by no name",
    withConfig({ bias: "some" }),
    configError('bias is "some"; it must be one of "none", "all", "lora_only"'),
  ],
  [
    "a module that its configuration does not save",
    withTensors(...pair(0), tensor("base_model.model.lm_head.weight", [9, 64])),
    /key base_model\.model\.lm_head\.weight is not a LoRA tensor/,
  ],
  [
    "a saved module without PEFT's prefix",
    { ...withConfig({ modules_to_save: ["norm"] }), ...withTensors(...pair(0), tensor("norm.weight", [64])) },
    /key norm\.weight is not a LoRA tensor/,
  ],
  [
    "a tied head without its embedding",
    {
      ...withConfig({ modules_to_save: ["embed_tokens"], ensure_weight_tying: true }),
      ...withTensors(...pair(0), tensor("base_model.model.lm_head.weight", [9, 64])),
    },
    /lm_head\.weight is present, but .*embed_tokens\.weight is missing/,
  ],
  ...starts.map((start): [string, Files, RegExp] => [
    `the start ${start}`,
    withConfig({ init_lora_weights: start }),
    configError(`init_lora_weights is not supported: ${JSON.stringify(start)}; supported: true, false`),
  ]),
  ...Object.entries(options).map(([name, value]): [string, Files, RegExp] => [
    name,
    withConfig({ [name]: value }),
    configError(`${name} is not supported: ${JSON.stringify(value)}; merge the adapter in PEFT`),
  ]),
  [
    "DoRA's configuration alone",
    withConfig({ use_dora: true }),
    /lora_A\.weight is present, but .*lora_magnitude_vector is missing/,
  ],
  [
    "another rank by pattern",
    withConfig({ rank_pattern: { q_proj: 4 } }),
    /has shape \[2, 64\], which does not fit r = 4/,
  ],
  [
    "a pattern that is an expression",
    withConfig({ rank_pattern: { ".*q": 4 } }),
    configError('rank_pattern is {".*q":4}; it must be numbers by names of layers'),
  ],
  ["layers by text", withConfig({ layers_to_transform: "0" }), configError('layers_to_transform is "0"; it must be')],
  [
    "a layer beyond whole numbers",
    withConfig({ layers_to_transform: [1e308] }),
    configError("layers_to_transform is [1e+308]; it must be a list of whole numbers"),
  ],
  [
    "an alpha beyond single precision",
    withConfig({ lora_alpha: 1e308 }),
    configError("lora_alpha is 1e+308; it must be a number above 0, from 1e-30 to 1e+30"),
  ],
  ["weights that are empty", { weights: new Uint8Array() }, /adapter_model\.safetensors: only 0 bytes/],
  ["weights that are cut", { weights: good.subarray(0, -1) }, /adapter_model\.safetensors: tensors end at/],
  ["no tensors", withTensors(), /adapter_model\.safetensors: has no tensors/],
  ["a key of something else", withTensors(...pair(0), tensor("model.norm.weight", [64])), /key model\.norm\.weight/],
  [
    "one side of an embedding alone",
    withTensors(tensor("base_model.model.model.embed_tokens.lora_embedding_A", [2, 9])),
    /lora_embedding_A is present, but .*lora_embedding_B is missing/,
  ],
  [
    "another rank on an embedding",
    withTensors(tensor("base_model.model.model.embed_tokens.lora_embedding_B", [9, 3])),
    /lora_embedding_B has shape \[9, 3\], which does not fit r = 2/,
  ],
  [
    "an embedding of its own and no adapter of it",
    withTensors(tensor("base_model.model.model.embed_tokens.base_layer.weight", [9, 64])),
    /embed_tokens\.base_layer\.weight is not a LoRA tensor/,
  ],
  [
    "trained rows in its configuration alone",
    withConfig({ trainable_token_indices: [1] }),
    /trainable_token_indices names tokens, but model\.embed_tokens\.token_adapter\.trainable_tokens_delta is missing/,
  ],
  ["one side alone", withTensors(pair(0)[0]!), /lora_A\.weight is present, but .*lora_B\.weight is missing/],
  ["another rank than the configuration's", withConfig({ r: 4 }), /has shape \[2, 64\], which does not fit r = 4/],
  ["a vector", withTensors(tensor(`${site(0)}.lora_A.weight`, [64]), pair(0)[1]!), /has shape \[64\]/],
  [
    "a NaN",
    withTensors(withNaN(pair(0)[0]!), pair(0)[1]!),
    /lora_A\.weight holds a number that is not finite \(number 3\)/,
  ],
  ["integers", withTensors(tensor(`${site(0)}.lora_A.weight`, [rank, 64], "I64"), pair(0)[1]!), /is I64; save it as/],
];

for (const [what, files, reason] of hostile) {
  test(`an adapter with ${what} is refused`, async (t) => {
    const directory = await temporaryDirectory(t);
    await assert.rejects(
      read(directory, files),
      (error) => error instanceof StageFailure && reason.test(error.message) && [20, 23].includes(error.code),
    );
  });
}

test("configurations of other methods are refused, and the error names the wrong member", async (t) => {
  const directory = await temporaryDirectory(t);
  const refused = async (config: object, reason: RegExp) =>
    await assert.rejects(
      read(directory, { config: JSON.stringify(config) }),
      (error) => error instanceof StageFailure && reason.test(error.message),
    );
  const prefix = { peft_type: "PREFIX_TUNING", num_virtual_tokens: 4, num_layers: 2, token_dim: 32 };
  await refused({ ...prefix, prefix_projection: true }, configError("prefix_projection is not supported: true"));
  await refused({ ...prefix, num_layers: 0 }, configError("num_layers is 0; it must be a whole number from 1 to 512"));
  await refused({ ...prefix, num_virtual_tokens: null }, configError("num_virtual_tokens is null"));
  await refused(prefix, /key .*lora_A\.weight is not prompt_embeddings/);
  const adalora = {
    ...{ peft_type: "ADALORA", init_r: 4, target_r: 2, lora_alpha: 8, tinit: 0, tfinal: 0, deltaT: 1 },
    ...{ beta1: 0.85, beta2: 0.85, orth_reg_weight: 0.5, total_step: 10, target_modules: ["q_proj"] },
  };
  await refused({ ...adalora, deltaT: 0 }, configError("deltaT is 0; it must be a whole number"));
  await refused({ ...adalora, orth_reg_weight: -1 }, configError("orth_reg_weight is -1; it must be a number from 0"));
  await refused({ ...adalora, bias: "all" }, configError('bias is not supported: "all"; supported: "none"'));
  await refused({ ...adalora, modules_to_save: ["lm_head"] }, configError("modules_to_save is not supported"));
  await refused(adalora, /key .*lora_A\.weight is not an AdaLoRA tensor/);
});

test("the first name in a pattern that matches a layer applies, as in PEFT", async (t) => {
  const directory = await temporaryDirectory(t);
  const patterns = {
    rank_pattern: { "self_attn.q_proj": rank, q_proj: rank },
    alpha_pattern: { q_proj: 4, "self_attn.q_proj": 512, "layers.0.self_attn.q_proj": 8 },
  };
  const adapter = await read(directory, withConfig(patterns));
  assert.deepEqual(adapter?.settings, {
    ...settings,
    ...withoutStarts,
    rankPattern: { "self_attn.q_proj": rank, q_proj: rank },
    alphaPattern: { q_proj: 4 },
  });
});

test("an adapter that PEFT 0.21 saves with every option unused is read", async (t) => {
  const unused = {
    ...{ peft_version: "0.21.2", auto_mapping: { base_model_class: "LlamaForCausalLM" }, revision: "main" },
    ...{ loftq_config: {}, eva_config: null, corda_config: null, lora_ga_config: null, megatron_core: "megatron.core" },
    ...{ use_qalora: false, qalora_group_size: 16, use_bdlora: null, arrow_config: null, kasa_config: null },
    ...{ alora_invocation_tokens: null, target_parameters: null, trainable_token_indices: null, exclude_modules: null },
    ...{ layer_replication: null, ensure_weight_tying: false, velora_config: null, monteclora_config: null },
    ...{ init_lora_weights: "gaussian", layers_pattern: "layers", task_type: null, an_option_of_tomorrow: false },
  };
  const directory = await temporaryDirectory(t);
  const adapter = await read(directory, withConfig(unused));
  assert.deepEqual(adapter?.settings, { ...settings, ...withoutStarts });
  const all = await read(directory, withConfig({ target_modules: "all-linear" }));
  assert.deepEqual(all?.settings.targetModules, ["all-linear"]);
});

test("an adapter in F16 is read with its exact numbers, and one with an infinite number is refused", async (t) => {
  const directory = await temporaryDirectory(t);
  const [a, b] = [
    tensor(`${site(0)}.lora_A.weight`, [rank, 64], "F16"),
    tensor(`${site(0)}.lora_B.weight`, [64, rank]),
  ];
  const numbers = new DataView(a.data.buffer);
  for (const [index, value] of [1.5, -(2 ** -24), 65_504].entries()) numbers.setFloat16(2 * index, value, true);
  const adapter = await read(directory, withTensors(a, b));
  const values = adapter?.tensors.get("model.layers.0.self_attn.q_proj.lora_A.weight");
  assert.deepEqual([...(values ?? []).slice(0, 4)], [1.5, -(2 ** -24), 65_504, 0]);
  numbers.setFloat16(6, Number.POSITIVE_INFINITY, true);
  await assert.rejects(
    read(directory, withTensors(a, b)),
    /lora_A\.weight holds a number that is not finite \(number 3\)/,
  );
});

test("an adapter of another model is refused with the name of the mismatched tensor, and its memory is freed", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`);
  const model = await StoredModel.inDirectory(new Stores(), `file://${directory}/base`);
  const open = async (files: Files) => {
    const adapter = await read(`${directory}/adapter`, files);
    return await Chat.open({ model, adapter: adapter!, threads: 1 });
  };
  (await open({})).close();
  const close = t.mock.method(Engine.prototype, "close");
  await assert.rejects(
    open(withTensors(...pair(0, 32), ...pair(1))),
    /lora_A\.weight of the adapter has 64 numbers, .* \[2, 64\]/,
  );
  await assert.rejects(open(withTensors(...pair(0))), /the adapter has no model\.layers\.1/);
  await assert.rejects(open(withTensors(...pair(0), ...pair(1), ...pair(2))), /model\.layers\.2.* no such layer/);
  assert.equal(close.mock.callCount(), 3);
  await assert.rejects(open(withConfig({ target_modules: ["no_proj"] })), /"no_proj" is not a linear layer/);
});

test("an embedding that PEFT saves beside its adapter must be the base's own", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, { tied: false });
  const model = await StoredModel.inDirectory(new Stores(), `file://${directory}/base`);
  const stored = decodeTensors(await readFile(`${directory}/base/model.safetensors`)).get("model.embed_tokens.weight")!;
  const embedding = "base_model.model.model.embed_tokens";
  const withOwn = (own: Pick<TensorData, "dtype" | "shape" | "data">): Files => ({
    ...withConfig({ target_modules: ["embed_tokens"] }),
    ...withTensors(
      tensor(`${embedding}.lora_embedding_A`, [rank, tinyVocabSize]),
      tensor(`${embedding}.lora_embedding_B`, [64, rank]),
      { ...own, name: `${embedding}.base_layer.weight` },
    ),
  });
  const open = async (files: Files) => {
    const adapter = await read(`${directory}/adapter`, files);
    return await Chat.open({ model, adapter: adapter!, threads: 1 });
  };
  const { dtype, shape } = stored;
  const same = { dtype, shape, data: Uint8Array.from(stored.data) } as const;
  (await open(withOwn(same))).close();
  (await open(withOwn({ dtype: "F32", shape, data: encodeValues(widened(same.data, "BF16"), "F32") }))).close();
  (await open(withOwn({ dtype: "F16", shape, data: encodeValues(widened(same.data, "BF16"), "F16") }))).close();
  const changed = Uint8Array.from(same.data);
  changed[7]! ^= 1;
  const differs = /a model\.embed_tokens\.weight of its own, which differs from the base's/;
  await assert.rejects(open(withOwn({ dtype, shape, data: changed })), differs);
  const longer = tensor("", [tinyVocabSize + 1, 64], "BF16");
  await assert.rejects(open(withOwn(longer)), differs);
});

test("any changed byte of an adapter's files is refused by name, or read as another number", async (t) => {
  const directory = await temporaryDirectory(t);
  const next = uniform(9);
  const mutated = (bytes: Uint8Array) => {
    const copy = Uint8Array.from(bytes);
    for (let changes = 1 + Math.floor(next() * 3); changes > 0; changes -= 1) {
      copy[Math.floor(next() * Math.min(copy.length, 700))] = Math.floor(next() * 256);
    }
    return copy;
  };
  let refused = 0;
  for (let round = 0; round < 400; round += 1) {
    const files: Files =
      round % 2 === 0
        ? { weights: mutated(good) }
        : { config: Buffer.from(mutated(Buffer.from(goodConfig))).toString("utf8") };
    try {
      await read(directory, files);
    } catch (error) {
      assert.ok(error instanceof StageFailure, String(error));
      assert.match(error.message, /adapter_(config\.json|model\.safetensors): /);
      refused += 1;
    }
  }
  assert.ok(refused > 200, `${refused} refused`);
});
