/** A trained adapter, read from its directory: our own with every digest checked, or any of PEFT's layout. */

import { corrupt } from "../contract/failure.ts";
import { type LoraSettings, resultOf } from "../contract/methods.ts";
import { adapterConfigFile, adapterWeightsFile, peftKey, readAdapterConfig } from "../formats/peft.ts";
import { type DecodedTensor, decodeTensors, SafetensorsError } from "../formats/safetensors.ts";
import { readListed, readManifest } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import { type AdapterManifest, adapterManifest } from "./adapter.ts";
import { type AdapterTensors, asFloats } from "./merge.ts";

export interface AdapterSource {
  uri: string;
  manifest: AdapterManifest;
  /** What was trained beside the base; nothing where the directory is a model. */
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
  if (resultOf(manifest.method) === "Adapter") {
    const bytes = await readListed(stores, uri, manifest.files, adapterWeightsFile);
    return { uri, manifest, tensors: namedTensors(decodeOrFail(bytes)) };
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
  const settings = readAdapterConfig(config);
  return { settings, tensors: foreignTensors(await store.read(`${uri}/${adapterWeightsFile}`), settings) };
}

/** Tensors of an adapter that anyone may have written. Throws a failure that names the file, the tensor and the fault. */
function foreignTensors(bytes: Uint8Array, { rank }: LoraSettings): AdapterTensors {
  const wrong = (what: string) => corrupt("AdapterCorrupt", `${adapterWeightsFile}: ${what}`);
  const decoded = decodeOrFail(bytes);
  if (decoded.size === 0) throw wrong("has no tensors");
  for (const [key, { dtype, shape }] of decoded) {
    const [, site, side] = /^(.+)\.lora_([AB])\.weight$/.exec(key) ?? [];
    if (site === undefined)
      throw wrong(`key ${key} is none of LoRA's on linear layers (….lora_A.weight, ….lora_B.weight)`);
    if (dtype !== "F32" && dtype !== "BF16") throw wrong(`${key} is ${dtype}; save it as F32 or BF16`);
    const [rows, columns] = shape;
    if (shape.length !== 2 || (side === "A" ? rows : columns) !== rank) {
      throw wrong(`${key} has shape [${shape.join(", ")}], which does not fit r = ${rank} of ${adapterConfigFile}`);
    }
    const other = `${site}.lora_${side === "A" ? "B" : "A"}.weight`;
    if (!decoded.has(other)) throw wrong(`${key} is there and ${other} is not`);
  }
  return namedTensors(decoded);
}

function decodeOrFail(bytes: Uint8Array): ReadonlyMap<string, DecodedTensor> {
  try {
    return decodeTensors(bytes);
  } catch (error) {
    if (error instanceof SafetensorsError) throw corrupt("AdapterCorrupt", `${adapterWeightsFile}: ${error.message}`);
    throw error;
  }
}

/** Tensors of adapter_model.safetensors by our names, in F32. */
function namedTensors(decoded: ReadonlyMap<string, DecodedTensor>): AdapterTensors {
  const prefix = peftKey("");
  const named = [...decoded].map(([key, { dtype, data }]) => {
    if (!key.startsWith(prefix)) throw corrupt("AdapterCorrupt", `${adapterWeightsFile}: key ${key} is not PEFT's`);
    return [key.slice(prefix.length), asFloats(data, dtype)] as const;
  });
  return new Map(named);
}
