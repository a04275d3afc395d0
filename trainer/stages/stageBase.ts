/** Stages a base model: every file of it becomes an object, and what was staged is read as a model before it is believed. */
import type { BaseManifest } from "../data/manifests.ts";
import type { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { StoredModel } from "./storedModel.ts";

export interface StagedBase {
  manifest: BaseManifest;
  model: StoredModel;
  bytes: number;
}

/** `onBytes(done, total)` hears of progress, and may throw to stop. */
export async function stageBase(
  uri: string,
  stores: Stores,
  objects: Objects,
  onBytes: (done: number, total: number) => void,
): Promise<StagedBase> {
  const source = await StoredModel.inDirectory(stores, uri);
  const total = source.names().reduce((sum, name) => sum + source.bytes(name), 0);
  let done = 0;
  const onChunk = (bytes: number) => {
    done += bytes;
    onBytes(done, total);
  };
  const files: BaseManifest["files"] = [];
  for (const path of source.names()) files.push({ path, ...(await objects.putFile(source.file(path).uri, onChunk)) });
  const manifest: BaseManifest = { kind: "base", version: 1, files };
  const model = StoredModel.ofManifest(stores, objects, manifest);
  await model.tensors();
  return { manifest, model, bytes: total };
}
