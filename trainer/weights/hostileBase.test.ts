/** A base model with any wrong byte or any number in its files: errors name file and field, and nothing crashes. */
import assert from "node:assert/strict";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { StageFailure } from "../contract/failure.ts";
import { Stores } from "../stores/stores.ts";
import { uniform } from "../testing/opCases.ts";
import { temporaryDirectory } from "../testing/temporary.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { StoredModel } from "./storedModel.ts";

/** Reads everything that a plan or a training first needs of a base. */
async function opened(directory: string) {
  const model = await StoredModel.inDirectory(new Stores(), `file://${directory}`);
  const [config, table] = [await model.config(), await model.tensors()];
  return { config, storage: await model.storage(), table };
}

/** Opens a copy of the base with one file replaced; undefined if that was refused with an error that names the file. */
async function openedWith(base: string, file: string, content: string | Uint8Array) {
  const directory = `${base}-wrong`;
  await rm(directory, { recursive: true, force: true });
  await cp(base, directory, { recursive: true });
  await writeFile(`${directory}/${file}`, content);
  try {
    return await opened(directory);
  } catch (error) {
    assert.ok(error instanceof StageFailure && [20, 23].includes(error.code), String(error));
    assert.match(error.message, /config\.json|model\.safetensors|the base model/);
    return undefined;
  }
}

const strange = [null, true, -1, 0, 0.5, 1e9, 1e308, -0, "", "64", [], {}, [64], { a: 1 }, "x".repeat(10_000)];

test("any value in any field of config.json is refused by name or read as a bounded number", async (t) => {
  const base = `${await temporaryDirectory(t)}/base`;
  await writeTinyModel(base);
  const config = JSON.parse(await readFile(`${base}/config.json`, "utf8"));
  let refused = 0;
  for (const field of Object.keys(config)) {
    for (const value of [...strange, undefined]) {
      const made = await openedWith(base, "config.json", JSON.stringify({ ...config, [field]: value }));
      if (made === undefined) refused += 1;
      else assert.ok(Object.values(made.config).every((one) => typeof one !== "number" || Number.isFinite(one)));
    }
  }
  for (const text of ["", "null", "[]", "1", "[".repeat(100_000), `{"a":${"9".repeat(400)}}`, "\\u0000", "\ufeff{}"]) {
    assert.equal(await openedWith(base, "config.json", text), undefined, text.slice(0, 20));
  }
  assert.ok(refused > 100, `${refused} refused`);
});

test("any changed byte of the weights' header is refused by name, or read as another name or number", async (t) => {
  const base = `${await temporaryDirectory(t)}/base`;
  await writeTinyModel(base, { hiddenSize: 8, intermediateSize: 8, layers: 1 });
  const whole = await readFile(`${base}/model.safetensors`);
  const header = 8 + Number(whole.readBigUInt64LE(0));
  const next = uniform(13);
  let refused = 0;
  for (let round = 0; round < 400; round += 1) {
    const wrong = Uint8Array.from(whole);
    for (let changes = 1 + Math.floor(next() * 3); changes > 0; changes -= 1) {
      wrong[Math.floor(next() * header)] = Math.floor(next() * 256);
    }
    const cut = next() < 0.2 ? wrong.subarray(0, Math.floor(next() * wrong.length)) : wrong;
    const made = await openedWith(base, "model.safetensors", cut);
    if (made === undefined) refused += 1;
    else assert.ok([...made.table.values()].every(({ start, end }) => start >= header && end <= whole.length));
  }
  assert.ok(refused > 200, `${refused} refused`);
});
