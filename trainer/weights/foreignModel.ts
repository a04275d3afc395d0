/** A model in Hugging Face's layout anywhere: in files of this machine, for mapping, and its digest. */
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { corrupt } from "../contract/failure.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { type Digest, digestOf } from "../stores/digest.ts";
import { localCopy } from "../stores/localCopy.ts";
import { LocalStore } from "../stores/localStore.ts";
import type { Stores } from "../stores/stores.ts";
import type { StoredFile, StoredModel } from "./storedModel.ts";

/** The same model in local files; those of a remote store are fetched into the local space. */
export async function fetchedModel(
  stores: Stores,
  model: StoredModel,
  onBytes: (done: number, total: number) => void,
): Promise<StoredModel> {
  const total = totalBytes(model);
  let done = 0;
  return await model.onThisMachine(async (file) => {
    const local = await fetched(stores, file);
    done += file.entry.bytes;
    onBytes(done, total);
    return local;
  });
}

async function fetched(stores: Stores, { uri, entry: { digest } }: StoredFile): Promise<string> {
  const store = stores.of(uri);
  const own = await store.localFile(uri);
  if (own !== undefined) return pathToFileURL(own).href;
  const wrong = () => corrupt("DigestMismatch", `${uri}: its bytes do not match its store's digest`);
  if (digest !== undefined) return await localCopy(stores, { uri, digest }, wrong);
  return pathToFileURL(await stores.scratch.fetched(store.stream(uri))).href;
}

/** The digest that this model has in an artifact store that holds it as it is. Reads every byte. */
export async function modelDigest(
  stores: Stores,
  model: StoredModel,
  onBytes: (done: number, total: number) => void,
): Promise<Digest> {
  const total = totalBytes(model);
  let done = 0;
  const files: BaseManifest["files"] = [];
  for (const path of model.names()) {
    const { uri, entry } = model.file(path);
    const hash = createHash("sha256");
    const store = stores.of(uri);
    for await (const piece of store instanceof LocalStore ? store.pieces(uri) : store.stream(uri)) {
      hash.update(piece);
      done += piece.length;
      onBytes(Math.min(done, total), total);
    }
    files.push({ path, digest: `sha256:${hash.digest("hex")}`, bytes: entry.bytes });
  }
  const manifest: BaseManifest = { kind: "base", version: 1, files };
  return digestOf(Buffer.from(JSON.stringify(manifest)));
}

const totalBytes = (model: StoredModel) => model.names().reduce((sum, name) => sum + model.bytes(name), 0);
