import assert from "node:assert/strict";
import { test } from "node:test";
import { modelFileNames, readTensorTable, storedType } from "./huggingFace.ts";
import { encodeSafetensors, type TensorData } from "./safetensorsWriter.ts";

const usual = ["config.json", "tokenizer.json", "tokenizer_config.json"];

test("a model consists of its configuration, its tokenizer and the weights that the index names", () => {
  const present = [...usual, "model.safetensors", "pytorch_model.bin", "README.md", "chat_template.jinja"];
  const names = modelFileNames(present, undefined);
  assert.deepEqual(names.sort(), [...usual, "chat_template.jinja", "model.safetensors"].sort());
  const index = JSON.stringify({ weight_map: { a: "x-1.safetensors", b: "x-2.safetensors", c: "x-1.safetensors" } });
  const sharded = modelFileNames([...usual, "x-1.safetensors", "x-2.safetensors", "x-3.safetensors"], index);
  assert.deepEqual(
    sharded.filter((name) => !usual.includes(name)),
    ["x-1.safetensors", "x-2.safetensors", "model.safetensors.index.json"],
  );
});

const refused: [string, string[], string | undefined, RegExp][] = [
  [
    "an adapter in place of a model",
    ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"],
    undefined,
    /is a PEFT adapter \(adapter_config\.json\): merge it in PEFT \(merge_and_unload\)/,
  ],
  ["no tokenizer", ["config.json", "model.safetensors"], undefined, /no tokenizer\.json/],
  ["weights that can hold code alone", [...usual, "pytorch_model.bin"], undefined, /no model\.safetensors/],
  ["a shard that is not there", usual, '{"weight_map":{"a":"x.safetensors"}}', /no x\.safetensors/],
  ["an index out of the directory", usual, '{"weight_map":{"a":"../x.safetensors"}}', /weight_map/],
  ["an index to other files", usual, '{"weight_map":{"a":"x.bin"}}', /weight_map/],
  ["an index that is not JSON", usual, "{", /index\.json: not JSON/],
];

for (const [what, present, index, reason] of refused) {
  test(`the reader refuses ${what}`, () => {
    assert.throws(() => modelFileNames(present, index), reason);
  });
}

const tensor = (name: string, dtype: "F32" | "F16" | "BF16" | "I32"): TensorData => ({
  name,
  dtype,
  shape: [2],
  data: new Uint8Array(dtype === "F32" || dtype === "I32" ? 8 : 4),
});

async function tableOf(files: Readonly<Record<string, Uint8Array>>) {
  return await readTensorTable(Object.keys(files), {
    has: (name) => name in files,
    bytes: (name) => files[name]!.length,
    read: async (name, range) => files[name]!.subarray(range?.start, range?.end),
  });
}

test("tensors are found in their files; duplicate names, truncated files and numbers that are no weights are refused", async () => {
  const [one, two] = [encodeSafetensors([tensor("a", "BF16")]), encodeSafetensors([tensor("b", "BF16")])];
  const table = await tableOf({ "1.safetensors": one, "2.safetensors": two });
  assert.equal(table.get("b")!.file, "2.safetensors");
  assert.equal(storedType(table), "BF16");
  await assert.rejects(tableOf({ "1.safetensors": one, "2.safetensors": one }), {
    code: 23,
    message: /a is in two files/,
  });
  await assert.rejects(tableOf({ "1.safetensors": one.subarray(0, 70) }), { code: 23, message: /1\.safetensors: / });
  const whole = await tableOf({ "1.safetensors": encodeSafetensors([tensor("a", "I32")]) });
  assert.throws(() => storedType(whole), { code: 20, message: /a is I32; convert it to BF16, F16 or F32/ });
});

test("F16 and mixtures are computed with as F32, which holds them exactly", async () => {
  for (const [types, stored] of [
    [["BF16", "BF16"], "BF16"],
    [["F32", "F32"], "F32"],
    [["F16", "F16"], "F32"],
    [["BF16", "F32"], "F32"],
    [["BF16", "F16"], "F32"],
  ] as const) {
    const tensors = types.map((dtype, index) => tensor(`t${index}`, dtype));
    assert.equal(storedType(await tableOf({ "1.safetensors": encodeSafetensors(tensors) })), stored);
  }
});
