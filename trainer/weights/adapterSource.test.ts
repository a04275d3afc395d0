/** Adapters that anyone may have written: what is wrong with them is said by file, tensor and fault, and nothing crashes. */
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { StageFailure } from "../contract/failure.ts";
import { Engine } from "../engine/engine.ts";
import { encodeSafetensors, type TensorData } from "../formats/safetensorsWriter.ts";
import { Chat } from "../generation/chat.ts";
import { Stores } from "../stores/stores.ts";
import { uniform } from "../testing/opCases.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { readPeftAdapter } from "./adapterSource.ts";
import { adapterConfig } from "./peftConfig.ts";
import { StoredModel } from "./storedModel.ts";

const rank = 2;
const settings = {
  kind: "lora",
  rank,
  alpha: 4,
  dropout: 0,
  targetModules: ["q_proj"],
  rankStabilized: false,
} as const;
const goodConfig = adapterConfig(settings, ["q_proj"], "pvc://base/model");

const site = (layer: number) => `base_model.model.model.layers.${layer}.self_attn.q_proj`;
const tensor = (name: string, shape: number[], dtype: TensorData["dtype"] = "F32"): TensorData => {
  const bytes = { F32: 4, BF16: 2, F16: 2, I64: 8 }[dtype as "F32"];
  return { name, dtype, shape, data: new Uint8Array(shape.reduce((product, dim) => product * dim, bytes)) };
};
const pair = (layer: number, width = 64) => [
  tensor(`${site(layer)}.lora_A.weight`, [rank, width]),
  tensor(`${site(layer)}.lora_B.weight`, [64, rank]),
];
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

const hostile: [string, Files, RegExp][] = [
  ["an empty configuration", { config: "" }, /adapter_config\.json: not JSON/],
  ["a configuration that is a list", { config: "[]" }, /adapter_config\.json: .*object/],
  ["a configuration nested deeply", { config: "[".repeat(200_000) }, /adapter_config\.json: not JSON/],
  ["another method", withConfig({ peft_type: "IA3" }), /adapter_config\.json: [\s\S]*peft_type/],
  ["rank 0", withConfig({ r: 0 }), /adapter_config\.json: [\s\S]*→ at r$/m],
  ["an enormous rank", withConfig({ r: 1e9 }), /→ at r$/m],
  ["a rank that is a string", withConfig({ r: "2" }), /→ at r$/m],
  ["a negative alpha", withConfig({ lora_alpha: -1 }), /→ at lora_alpha/],
  ["modules as a pattern", withConfig({ target_modules: ".*_proj" }), /→ at target_modules/],
  ["DoRA", withConfig({ use_dora: true }), /→ at use_dora/],
  ["ranks by pattern", withConfig({ rank_pattern: { q_proj: 4 } }), /→ at rank_pattern|rank_pattern/],
  ["whole modules saved", withConfig({ modules_to_save: ["lm_head"] }), /→ at modules_to_save/],
  ["weights that are empty", { weights: new Uint8Array() }, /adapter_model\.safetensors: only 0 bytes/],
  ["weights that are cut", { weights: good.subarray(0, -1) }, /adapter_model\.safetensors: tensors end at/],
  ["no tensors", withTensors(), /adapter_model\.safetensors: has no tensors/],
  ["a key of something else", withTensors(...pair(0), tensor("model.norm.weight", [64])), /key model\.norm\.weight/],
  [
    "an embedding's key",
    withTensors(tensor("base_model.model.model.embed_tokens.lora_embedding_A", [2, 9])),
    /none of LoRA's/,
  ],
  ["one side alone", withTensors(pair(0)[0]!), /lora_A\.weight is there and .*lora_B\.weight is not/],
  ["another rank than the configuration's", withConfig({ r: 4 }), /has shape \[2, 64\], which does not fit r = 4/],
  ["a vector", withTensors(tensor(`${site(0)}.lora_A.weight`, [64]), pair(0)[1]!), /has shape \[64\]/],
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

test("an adapter of another model is refused by the tensor that does not fit, and its memory is given back", async (t) => {
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
  await assert.rejects(open(withConfig({ target_modules: ["no_proj"] })), /"no_proj" is no linear layer/);
});

test("any wrong byte of an adapter's files is refused by name, or read as another number", async (t) => {
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
