import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { tinyTokenizerConfig, writeTinyModel } from "../testing/tinyModel.ts";
import { companionsOf } from "./companions.ts";
import { StoredModel } from "./storedModel.ts";

/** A file of an export, of a base with these files in place of its own. */
async function exported(
  t: TestContext,
  files: Readonly<Record<string, object>>,
  wanted = "generation_config.json",
): Promise<unknown> {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(directory);
  for (const [name, content] of Object.entries(files)) {
    await writeFile(`${directory}/${name}`, JSON.stringify(content));
  }
  const base = await StoredModel.inDirectory(new Stores(), `file://${directory}`);
  let found: unknown;
  const names: string[] = [];
  for await (const { name, content } of companionsOf(base)) {
    names.push(name);
    if (name === wanted) found = JSON.parse(Buffer.from(content).toString("utf8"));
  }
  assert.equal(new Set(names).size, names.length);
  return found;
}

const foreign = { "tokenizer_config.json": { ...tinyTokenizerConfig(), eos_token: "<|pad|>" } };

test("an export lists the token that ends its turns as an end token if the base does not", async (t) => {
  assert.deepEqual(await exported(t, foreign), { eos_token_id: [258, 257] });
  const given = { temperature: 0.6, eos_token_id: 258 };
  assert.deepEqual(await exported(t, { ...foreign, "generation_config.json": given }), {
    temperature: 0.6,
    eos_token_id: [258, 257],
  });
});

test("an export whose base lists the token that ends its turns keeps the base's file, if it has one", async (t) => {
  assert.equal(await exported(t, {}), undefined);
  const given = { top_p: 0.9, eos_token_id: [257, 258] };
  assert.deepEqual(await exported(t, { ...foreign, "generation_config.json": given }), given);
});

test("the configuration of a nested language model is exported as that model's own", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(directory);
  const config: Record<string, unknown> = JSON.parse(await readFile(`${directory}/config.json`, "utf8"));
  const nested = { model_type: "acme", architectures: ["AcmeForConditionalGeneration"], dtype: "bfloat16" };
  const files = { "config.json": { ...nested, text_config: config } };
  const made = await exported(t, files, "config.json");
  assert.deepEqual(made, { dtype: "bfloat16", ...config, architectures: ["LlamaForCausalLM"] });
});
