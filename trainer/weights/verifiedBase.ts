/**
 * Opens a staged base model by its digest, checks every file against the manifest, and gives its tensors in the
 * engine's form.
 */
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
import type { BaseTensors } from "../engine/baseValues.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import type { Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { StoredModel } from "./storedModel.ts";

/** The staged base model in local files, each read once and compared with its digest. */
export async function verifiedBase(
  stores: Stores,
  objects: Objects,
  digest: string,
  onBytes: (done: number, total: number) => void,
): Promise<StoredModel> {
  const manifest = await getManifest(objects, digest, baseManifest);
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  onBytes(done, total);
  const base = StoredModel.ofManifest(stores, objects, manifest);
  return await base.onThisMachine(({ entry }) =>
    objects.localCopy(entry.digest!, (bytes) => {
      done += bytes;
      onBytes(Math.min(done, total), total);
    }),
  );
}

/** A model's tensors in the form that the engine binds. */
export const tensorsOf = (model: StoredModel, table: ReadonlyMap<string, PlacedTensor>): BaseTensors => ({
  table,
  localFile: (name) => model.localFile(name),
  read: (name, range) => model.read(name, range),
});
