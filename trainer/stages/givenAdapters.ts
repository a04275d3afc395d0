/**
 * Puts the adapters of a method into a staged base, as tensors of its layers. The result is another base with a digest of its
 * own, so every later stage has them, and a run's hash covers them.
 */
import { corrupt, invalid } from "../contract/failure.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { parseJson } from "../formats/huggingFace.ts";
import { safetensorsChunks } from "../formats/safetensorsWriter.ts";
import { damageOf, readManifest } from "../stores/directory.ts";
import type { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { adapterManifest } from "../weights/adapter.ts";
import { type PeftAdapter, readPeftAdapter } from "../weights/adapterSource.ts";
import { configWithGiven, givenTensors, ofAdapter } from "../weights/givenAdapters.ts";
import { adapterConfigFile } from "../weights/peftConfig.ts";
import { StoredModel } from "../weights/storedModel.ts";
import type { StagedBase } from "./stageBase.ts";

const file = "given_adapters.safetensors";

export async function withAdapters(
  base: StagedBase,
  uris: readonly string[],
  { stores, objects }: { stores: Stores; objects: Objects },
): Promise<StagedBase> {
  const adapters: PeftAdapter[] = [];
  for (const [index, uri] of uris.entries()) adapters.push(await readAdapterAt(stores, uri, nameOf(index)));
  const { model } = base;
  const { facts, tensors } = givenTensors(
    adapters,
    await model.config(),
    (index) => `${nameOf(index)}: ${uris[index]}`,
  );
  const config = Object(parseJson("config.json", await model.text("config.json")));
  const changed = new Map([
    ["config.json", await objects.putBytes(Buffer.from(configWithGiven(config, facts)))],
    [file, await objects.putStream(safetensorsChunks(tensors, { format: "pt" }))],
  ]);
  const kept = base.manifest.files.filter(({ path }) => !changed.has(path));
  const files = [...kept, ...[...changed].map(([path, staged]) => ({ path, ...staged }))];
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest: BaseManifest = { ...base.manifest, files };
  const larger = StoredModel.ofManifest(stores, objects, manifest);
  await larger.tensors();
  return { manifest, model: larger, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

const nameOf = (index: number) => `the method's adapters[${index}]`;

/** An adapter in PEFT's layout; if its manifest is Luthier's, with every file compared with its digest. */
async function readAdapterAt(stores: Stores, uri: string, name: string): Promise<PeftAdapter> {
  const manifest = await readManifest(stores, uri, adapterManifest).catch(() => undefined);
  const damage = manifest && (await damageOf(stores, uri, manifest.manifest.files));
  if (damage) throw corrupt("AdapterCorrupt", `${name}: ${damage}`);
  const adapter = await readPeftAdapter(stores, uri).catch((error: unknown) => {
    throw ofAdapter(`${name}: ${uri}`, error);
  });
  if (adapter) return adapter;
  throw invalid(
    "AdapterMissing",
    `${name}: ${uri} holds no adapter (${adapterConfigFile} is missing): correct the uri`,
  );
}
