import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { Stores } from "../stores/stores.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { tinyTokenizerConfig, writeTinyModel } from "../testing/tinyModel.ts";
import { companionsOf } from "./companions.ts";
import { StoredModel } from "./storedModel.ts";

/** generation_config.json of an export whose base has these files instead of its own. */
async function exported(t: TestContext, files: Readonly<Record<string, object>>): Promise<unknown> {
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
    if (name === "generation_config.json") found = JSON.parse(Buffer.from(content).toString("utf8"));
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
