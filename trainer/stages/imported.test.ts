/** Adapters that were trained elsewhere: read where they are, checked against the base that is named, and known by content. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { importHash } from "../contract/hashes.ts";
import type { Foreign } from "../contract/runFile.ts";
import { importedExportFile } from "../contract/stageFiles.ts";
import { digestOf } from "../stores/digest.ts";
import { Objects } from "../stores/objects.ts";
import { Stores } from "../stores/stores.ts";
import { HubServer } from "../testing/hubServer.ts";
import { temporaryDirectory, testContext } from "../testing/temporary.ts";
import { writeTinyAdapter } from "../testing/tinyAdapter.ts";
import { writeTinyModel } from "../testing/tinyModel.ts";
import { modelDigest } from "../weights/foreignModel.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { runExport } from "./export.ts";
import { stageBase } from "./stageBase.ts";

const shape = { hiddenSize: 32, intermediateSize: 64, layers: 2, heads: 2, kvHeads: 1, contextLength: 64 };
const lora = { lora: { rank: 4, targetModules: ["q_proj", "down_proj"] } };

async function filesIn(directory: string): Promise<Record<string, Uint8Array>> {
  const names = await readdir(directory);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(`${directory}/${name}`)])),
  );
}

test("an adapter and its base in repositories of the hub are exported, with layers by a pattern as Unsloth writes it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, shape);
  await writeTinyAdapter(`${directory}/adapter`, `${directory}/base`, lora);
  const config = JSON.parse(await readFile(`${directory}/adapter/adapter_config.json`, "utf8"));
  const pattern = "(?:.*?(?:self_attn|mlp).*?(?:q_proj|down_proj).*?)";
  const ofUnsloth = { ...config, target_modules: pattern, auto_mapping: { unsloth_fixed: true } };
  await writeFile(`${directory}/adapter/adapter_config.json`, JSON.stringify(ofUnsloth));
  const base = { name: "acme/tiny", files: await filesIn(`${directory}/base`) };
  const adapter = { name: "acme/tiny-lora", files: await filesIn(`${directory}/adapter`) };
  const hub = await HubServer.start([base, adapter]);
  t.after(() => hub.close());
  const at = (name: string) => ({ uri: `hf://${name}`, revision: "v1", endpoint: hub.endpoint });
  const artifactRoot = `file://${directory}/store`;
  const source = { artifactRoot, adapter: at(adapter.name), base: at(base.name) };
  const file = importedExportFile(source, { name: "alone", adapter: {} });
  assert.equal(file.runHash, importHash(at(adapter.name), at(base.name)));
  const stores = new Stores({ locations: file.locations ?? [], scratch: `${directory}/scratch` });
  const exported = () => runExport(file, { ...testContext(directory), stores });
  assert.equal((await exported()).reused, false);
  assert.equal((await exported()).reused, true);
  const [place = ""] = await readdir(`${directory}/store/imports/${file.runHash}/exports`);
  const written = JSON.parse(
    await readFile(`${directory}/store/imports/${file.runHash}/exports/${place}/adapter_config.json`, "utf8"),
  );
  assert.deepEqual(written.target_modules, [
    ...["model.layers.0.mlp.down_proj", "model.layers.0.self_attn.q_proj"],
    ...["model.layers.1.mlp.down_proj", "model.layers.1.self_attn.q_proj"],
  ]);
});

test("an imported adapter is refused with the reason if it is of another base, another content, or has no such form", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, shape);
  await writeTinyModel(`${directory}/narrow`, { ...shape, hiddenSize: 16 });
  await writeTinyModel(`${directory}/flat`, { ...shape, layers: 1 });
  await writeTinyAdapter(`${directory}/adapter`, `${directory}/base`, lora);
  const at = (name: string): Foreign => ({ uri: `file://${directory}/${name}` });
  const exported = (adapter: Foreign, base: Foreign, merged = {}) => {
    const source = { artifactRoot: `file://${directory}/store`, adapter, base };
    return runExport(importedExportFile(source, { name: "merged", merged }), testContext(directory));
  };
  const digest = `sha256:${"0".repeat(64)}`;
  const cases: [() => Promise<unknown>, string, RegExp][] = [
    [
      () => exported(at("base"), at("base")),
      "AdapterMissing",
      /base: holds no adapter \(adapter_config\.json is missing\)/,
    ],
    [() => exported(at("adapter"), at("none")), "ModelMissing", /none: the directory is missing or empty/],
    [
      () => exported(at("adapter"), at("narrow")),
      "AdapterMismatch",
      /down_proj\.lora_B\.weight of the adapter has 128 numbers, but this model expects \[16, 4\]/,
    ],
    [() => exported(at("adapter"), at("flat")), "AdapterMismatch", /layers\.1\..* but this model has no such layer/],
    [
      () => exported({ ...at("adapter"), digest }, at("base")),
      "DigestMismatch",
      /the adapter has the digest sha256:.*0{64}/,
    ],
    [
      () => exported(at("adapter"), { ...at("base"), digest }),
      "DigestMismatch",
      /the base model has the digest sha256:/,
    ],
    [
      () => exported(at("adapter"), at("base"), { base: "Dequantized" }),
      "BaseNotQuantized",
      /an imported adapter is merged into the base that is named: remove merged\.base/,
    ],
  ];
  for (const [work, reason, message] of cases) await assert.rejects(work(), { reason, message });
});

test("a model has the digest that an artifact store gives it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeTinyModel(`${directory}/base`, shape);
  const stores = new Stores();
  const [uri, artifactRoot] = [`file://${directory}/base`, `file://${directory}/store`];
  const objects = new Objects(stores, artifactRoot);
  const { manifest } = await stageBase(uri, { stores, objects, artifactRoot, onBytes: () => {} });
  const model = await StoredModel.inDirectory(stores, uri);
  assert.equal(await modelDigest(stores, model, () => {}), digestOf(Buffer.from(JSON.stringify(manifest))));
});
