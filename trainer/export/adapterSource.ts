/** A trained adapter, read from its directory with every digest checked. */
import { corrupt } from "../failure.ts";
import { adapterWeightsFile, peftKey } from "../formats/peft.ts";
import { fileList, readListed, readManifest } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import { type AdapterManifest, adapterManifest } from "../training/adapter.ts";
import { decodeTensors } from "../training/checkpoint.ts";
import { type AdapterTensors, asFloats } from "./merge.ts";

export interface AdapterSource {
  uri: string;
  manifest: AdapterManifest;
  /** LoRA's tensors; none for method full, whose directory is a model. */
  tensors: AdapterTensors;
}

/** Throws a failure when it is not the adapter whose manifest has this digest, or not whole. */
export async function readAdapter(stores: Stores, uri: string, digest: string | undefined): Promise<AdapterSource> {
  const found = await readManifest(stores, uri, adapterManifest);
  if (!found) throw corrupt("AdapterMissing", `${uri}: there is no adapter, or its manifest.json is not one of ours`);
  if (digest !== undefined && found.digest !== digest) {
    throw corrupt("AdapterCorrupt", `${uri}: the adapter's digest is ${found.digest}, ${digest} expected`);
  }
  const { manifest } = found;
  if (manifest.method.kind === "full") {
    for (const { path } of manifest.files) await readListed(stores, uri, manifest.files, path);
    return { uri, manifest, tensors: new Map() };
  }
  const bytes = await readListed(stores, uri, fileList.parse(manifest.files), adapterWeightsFile);
  const prefix = peftKey("");
  const tensors = [...decodeTensors(bytes)].map(
    ([name, data]) => [name.slice(prefix.length), asFloats(data, "F32")] as const,
  );
  return { uri, manifest, tensors: new Map(tensors) };
}
