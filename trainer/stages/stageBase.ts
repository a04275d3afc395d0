/** Stages a base model: every file of it becomes an object, checked before it is believed. */

import { corrupt } from "../failure.ts";
import { modelFileNames } from "../formats/huggingFace.ts";
import { indexFile } from "../formats/shards.ts";
import type { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { BaseModel } from "./base.ts";

/** `onBytes(done, total)` hears of progress. The weights' headers are read, so that a broken model stops here. */
export async function stageBase(
  uri: string,
  stores: Stores,
  objects: Objects,
  onBytes: (done: number, total: number) => void,
): Promise<{ model: BaseModel; bytes: number }> {
  const store = stores.of(uri);
  const listed = new Map((await store.list(uri)).map((entry) => [entry.path, entry]));
  if (listed.size === 0) throw corrupt("BaseModelMissing", `${uri}: there is no such directory, or it is empty`);
  const at = (name: string) => `${uri.replace(/\/+$/, "")}/${name}`;
  const index = listed.has(indexFile) ? Buffer.from(await store.read(at(indexFile))).toString("utf8") : undefined;
  const names = modelFileNames([...listed.keys()], index).sort();
  const total = names.reduce((sum, name) => sum + listed.get(name)!.bytes, 0);
  let done = 0;
  const files = [];
  for (const name of names) {
    const staged = await objects.putFile(at(name), (bytes) => onBytes((done += bytes), total));
    files.push({ path: name, ...staged });
  }
  const model = new BaseModel(stores, objects, { kind: "base", version: 1, files });
  await model.tensors();
  return { model, bytes: total };
}
