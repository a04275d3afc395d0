/** A trained adapter, read from its directory: our own with every digest checked, or any of PEFT's layout. */
import type { LoraSettings } from "../contract/effective.ts";
import { corrupt } from "../failure.ts";
import { adapterConfigFile, adapterWeightsFile, peftKey, readAdapterConfig } from "../formats/peft.ts";
import { decodeTensors } from "../formats/safetensors.ts";
import { readListed, readManifest } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import { type AdapterManifest, adapterManifest } from "../training/adapter.ts";
import { type AdapterTensors, asFloats } from "./merge.ts";

export interface AdapterSource {
  uri: string;
  manifest: AdapterManifest;
  /** LoRA's tensors; none for method full, whose directory is a model. */
  tensors: AdapterTensors;
}

/** Throws a failure when it is not the adapter whose manifest has this digest, or not whole. */
export async function readAdapter(stores: Stores, uri: string, digest: string): Promise<AdapterSource> {
  const found = await readManifest(stores, uri, adapterManifest);
  if (!found) throw corrupt("AdapterMissing", `${uri}: there is no adapter, or its manifest.json is not one of ours`);
  if (found.digest !== digest) {
    throw corrupt("AdapterCorrupt", `${uri}: the adapter's digest is ${found.digest}, ${digest} expected`);
  }
  const { manifest } = found;
  if (manifest.method.kind === "lora") {
    const bytes = await readListed(stores, uri, manifest.files, adapterWeightsFile);
    return { uri, manifest, tensors: loraTensors(bytes) };
  }
  return { uri, manifest, tensors: new Map() };
}

export interface PeftAdapter {
  settings: LoraSettings;
  tensors: AdapterTensors;
}

/** A LoRA adapter in PEFT's layout, whoever wrote it; undefined when the directory holds none. */
export async function readPeftAdapter(stores: Stores, uri: string): Promise<PeftAdapter | undefined> {
  const store = stores.of(uri);
  if (!(await store.stat(`${uri}/${adapterConfigFile}`))) return undefined;
  const config = Buffer.from(await store.read(`${uri}/${adapterConfigFile}`)).toString("utf8");
  return {
    settings: readAdapterConfig(config),
    tensors: loraTensors(await store.read(`${uri}/${adapterWeightsFile}`)),
  };
}

/** Tensors of adapter_model.safetensors by our names, in F32. */
function loraTensors(bytes: Uint8Array): AdapterTensors {
  const prefix = peftKey("");
  const named = [...decodeTensors(bytes)].map(([key, { dtype, data }]) => {
    if (!key.startsWith(prefix)) throw corrupt("AdapterCorrupt", `${adapterWeightsFile}: key ${key} is not PEFT's`);
    return [key.slice(prefix.length), asFloats(data, dtype)] as const;
  });
  return new Map(named);
}
