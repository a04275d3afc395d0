/** gpt-oss: experts in one tensor of the checkpoint, in MXFP4 or BF16, are read, quantised, trained and written again. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { contentOf } from "../formats/huggingFace.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import type { Digest } from "../stores/digest.ts";
import { Objects } from "../stores/objects.ts";
import { Stores } from "../stores/stores.ts";
import { changeModel, type ModelChange, zeros } from "../testing/changedModel.ts";
import { asGptOss } from "../testing/gptOss.ts";
import { type TinyOptions, TinyTraining } from "../testing/tinyTraining.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { exportUri } from "./exportDirectory.ts";
import { runTrain } from "./train.ts";

const short: TinyOptions = {
  shape: { tied: false },
  training: { maxSteps: 2, batchTokens: 128, learningRate: "1e-2" },
  examples: 16,
};

async function tinyGptOss(t: TestContext, stored: "MXFP4" | "BF16", options: TinyOptions = {}): Promise<TinyTraining> {
  const tiny = await TinyTraining.make(t, { ...short, ...options });
  await changeModel(`${tiny.directory}/base`, asGptOss(stored));
  return tiny;
}

const baseOf = (tiny: TinyTraining) => StoredModel.inDirectory(new Stores(), `file://${tiny.directory}/base`);

async function numbersOf(model: StoredModel): Promise<Map<string, string>> {
  const made = [...(await model.tensors()).values()].map(async (tensor) => {
    const content = Buffer.from(await contentOf(model, tensor)).toString("hex");
    return [tensor.name, `${tensor.dtype} [${tensor.shape}] ${content}`] as const;
  });
  return new Map((await Promise.all(made)).sort());
}

const expert = "model.layers.1.mlp.experts.3.gate_up_proj.weight";

test("a base in MXFP4 has the numbers of the same base in BF16, with a matrix for each expert", async (t) => {
  const numbers = await numbersOf(await baseOf(await tinyGptOss(t, "MXFP4")));
  assert.deepEqual(numbers, await numbersOf(await baseOf(await tinyGptOss(t, "BF16"))));
  assert.match(numbers.get(expert)!, /^BF16 \[64,32\]/);
});

test("quantised to NF4, both have the same bits", async (t) => {
  const staged = async (stored: "MXFP4" | "BF16") => {
    const tiny = await tinyGptOss(t, stored, { quantization: { type: "NF4" } });
    const { baseDigest } = await tiny.prepare();
    const { stores } = tiny.context();
    return await numbersOf(
      await StoredModel.staged(stores, new Objects(stores, tiny.artifactRoot), baseDigest as Digest),
    );
  };
  const numbers = await staged("MXFP4");
  assert.ok(numbers.has(`${expert}.absmax`));
  assert.deepEqual(numbers, await staged("BF16"));
});

const targetParameters = ["experts.gate_up_proj", "experts.down_proj"];

test("a merged model has the experts in one tensor in BF16, as transformers reads them, and is no longer quantised", async (t) => {
  await t.test("adapted attention", (one) => merges(one, { lora: {} }, /self_attn\.[qkvo]_proj\.weight$/));
  const experts = { lora: { targetModules: [], targetParameters } };
  await t.test("adapted experts", (one) => merges(one, experts, /mlp\.experts\.(gate_up|down)_proj$/));
});

/** `changes`: the names of the tensors that the training changes, all of them. */
async function merges(t: TestContext, method: NonNullable<TinyOptions["method"]>, changes: RegExp): Promise<void> {
  const tiny = await tinyGptOss(t, "MXFP4", { quantization: { type: "NF4" }, method });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const [file, other] = [await tiny.exportFile(figures.adapterDigest, {}), await tinyGptOss(t, "BF16")];
  await runExport(file, tiny.context());
  const at = exportUri(file).slice("file://".length);
  const [merged, base] = [`${at}/model.safetensors`, `${other.directory}/base/model.safetensors`].map(async (path) =>
    decodeTensors(await readFile(await path)),
  );
  const [written, given] = [new Map(await merged), new Map(await base)];
  assert.deepEqual([...written.keys()].sort(), [...given.keys()].sort());
  const changed = [...written].filter(([name, { data }]) => Buffer.compare(data, given.get(name)!.data) !== 0);
  assert.deepEqual(changed.map(([name]) => name).sort(), [...given.keys()].filter((name) => changes.test(name)).sort());
  assert.deepEqual(written.get("model.layers.0.mlp.experts.down_proj")!.shape, [4, 32, 32]);
  assert.ok(!("quantization_config" in JSON.parse(await readFile(`${at}/config.json`, "utf8"))));
}

test("a fully trained model and its export have their experts in one tensor too, with other numbers", async (t) => {
  const tiny = await tinyGptOss(t, "BF16", { method: { full: {} } });
  const { figures } = await runTrain(await tiny.trainFile(), tiny.context());
  const file = await tiny.exportFile(figures.adapterDigest, {});
  await runExport(file, tiny.context());
  const tensorsIn = async (at: string) => new Map(decodeTensors(await readFile(`${at}/model.safetensors`)));
  const given = await tensorsIn(`${tiny.directory}/base`);
  for (const at of [`${await tiny.runPath()}/adapter`, exportUri(file).slice("file://".length)]) {
    const written = await tensorsIn(at);
    assert.deepEqual([...written.keys()].sort(), [...given.keys()].sort());
    for (const part of ["mlp.experts.gate_up_proj", "mlp.experts.gate_up_proj_bias", "self_attn.sinks"]) {
      const [made, first] = [written, given].map((tensors) => tensors.get(`model.layers.1.${part}`)!);
      assert.deepEqual(made!.shape, first!.shape);
      assert.notDeepEqual(made!.data, first!.data);
    }
  }
});

const blocks = "model.layers.1.mlp.experts.down_proj_blocks";
const scales = blocks.replace("blocks", "scales");

const refused: readonly [string, "MXFP4" | "BF16", ModelChange, RegExp][] = [
  [
    "MXFP4 without its quantization_config",
    "MXFP4",
    (_, config) => void delete config.quantization_config,
    /down_proj_blocks is stored in MXFP4, but config\.json has no quantization_config of quant_method "mxfp4": add it/,
  ],
  [
    "scales that are missing",
    "MXFP4",
    (tensors) => void tensors.delete(scales),
    /down_proj_scales is missing beside .*down_proj_blocks/,
  ],
  [
    "blocks that are missing",
    "MXFP4",
    (tensors) => void tensors.delete(blocks),
    /down_proj_blocks is missing beside .*down_proj_scales/,
  ],
  [
    "blocks of another shape",
    "MXFP4",
    (tensors) => void tensors.set(blocks, { ...tensors.get(blocks)!, shape: [4, 32, 16] }),
    /down_proj_blocks is U8 \[4, 32, 16\], and config\.json promises U8 \[4, 32, 1, 16\]/,
  ],
  [
    "experts of another number",
    "BF16",
    (_, config) => void Object.assign(config, { num_local_experts: 5 }),
    /experts\.down_proj is BF16 \[4, 32, 32\], and config\.json promises BF16 \[5, 32, 32\] \(num_local_experts/,
  ],
  [
    "experts that are missing",
    "BF16",
    (tensors) => void tensors.delete("model.layers.1.mlp.experts.down_proj"),
    /config\.json promises model\.layers\.1\.mlp\.experts\.down_proj \[4, 32, 32\]/,
  ],
  [
    "sinks that are missing",
    "BF16",
    (tensors) => void tensors.delete("model.layers.0.self_attn.sinks"),
    /config\.json promises model\.layers\.0\.self_attn\.sinks \[2\] \(num_attention_heads\)/,
  ],
  [
    "a tensor that no gpt-oss has",
    "BF16",
    (tensors) => void tensors.set("model.layers.0.mlp.experts.up_proj", zeros("BF16", 4, 32, 32)),
    /the weights have model\.layers\.0\.mlp\.experts\.up_proj \[4, 32, 32\], which config\.json does not promise/,
  ],
];

test("experts that are not what config.json says are refused with the tensor and the fix", async (t) => {
  for (const [what, stored, change, reason] of refused) {
    await t.test(what, async (one) => {
      const tiny = await tinyGptOss(one, stored);
      await changeModel(`${tiny.directory}/base`, change);
      const base = await baseOf(tiny);
      await assert.rejects(base.tensors(), reason);
    });
  }
});

test("exponents of MXFP4 that give no finite number are refused with the matrix", async (t) => {
  const tiny = await tinyGptOss(t, "MXFP4", { quantization: { type: "NF4" } });
  await changeModel(`${tiny.directory}/base`, (tensors) => tensors.get(scales)!.data.fill(255, 0, 1));
  await assert.rejects(tiny.prepare(), {
    message: /experts\.0\.down_proj\.weight of the base model is damaged: its number 0 is not finite/,
  });
});
