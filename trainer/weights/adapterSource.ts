/** Reads a trained adapter from its directory: Luthier's with every digest checked, or any in PEFT's layout. */

import { corrupt } from "../contract/failure.ts";
import { givenSourcesOf, type MethodSettings, quantizesFor, resultOf } from "../contract/methods/index.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import { type DecodedTensor, decodeTensors, SafetensorsError } from "../formats/safetensors.ts";
import { methodOf } from "../methods/index.ts";
import type { BoundMethod } from "../methods/method.ts";
import type { PeftConfig } from "../methods/peftMembers.ts";
import { readListed, readManifest } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import { type AdapterManifest, adapterManifest } from "./adapter.ts";
import { keyOfOwn } from "./languageModel.ts";
import type { AdapterTensors } from "./merge.ts";
import {
  adapterConfigFile,
  adapterWeightsFile,
  hasPattern,
  parseAdapterConfig,
  settingsOfConfig,
  weightsFileOf,
  withListedTargets,
} from "./peftConfig.ts";

export interface AdapterSource {
  uri: string;
  /** Without the hash of a run for an adapter that was trained elsewhere. */
  manifest: Omit<AdapterManifest, "kind" | "version" | "runHash"> & { readonly runHash?: string };
  /** The trained tensors; empty when the directory is a model. */
  tensors: AdapterTensors;
  /** The adapters that it mixes, if its base does not have them. */
  given?: readonly PeftAdapter[];
}

/** Throws a failure when the adapter is incomplete or its manifest does not have this digest. */
export async function readAdapter(stores: Stores, uri: string, digest: string): Promise<AdapterSource> {
  const found = await readManifest(stores, uri, adapterManifest);
  if (!found) throw corrupt("AdapterMissing", `${uri}: the adapter is missing, or its manifest.json is not Luthier's`);
  if (found.digest !== digest) {
    throw corrupt("AdapterCorrupt", `${uri}: the adapter's digest is ${found.digest}, expected ${digest}`);
  }
  const { manifest } = found;
  if (resultOf(manifest.method) === "Adapter") {
    const text = Buffer.from(await readListed(stores, uri, manifest.files, adapterConfigFile)).toString("utf8");
    const file = weightsFileOf(manifest.method);
    const bytes = await readListed(stores, uri, manifest.files, file);
    const method = methodOf(manifest.method);
    return { uri, manifest, tensors: namedTensors(decodeOrFail(bytes, file), method, parseAdapterConfig(text), file) };
  }
  return { uri, manifest, tensors: new Map() };
}

export interface PeftAdapter {
  settings: MethodSettings;
  /** Why it cannot be applied to a base that is not quantised; absent if it can. */
  plainRefusal?: string;
  tensors: AdapterTensors;
  /** The adapters that it mixes, which are in folders beside it. */
  given?: readonly PeftAdapter[];
  /** Tensors of the base that the file repeats, by the base's names. */
  repeated?: ReadonlyMap<string, DecodedTensor>;
}

/** An adapter in PEFT's layout from any program; undefined when the directory holds none. */
export async function readPeftAdapter(stores: Stores, uri: string): Promise<PeftAdapter | undefined> {
  const store = stores.of(uri);
  if (!(await store.stat(`${uri}/${adapterConfigFile}`))) return undefined;
  const config = Buffer.from(await store.read(`${uri}/${adapterConfigFile}`)).toString("utf8");
  const written = parseAdapterConfig(config);
  const file = hasPattern(written) ? adapterWeightsFile : weightsFileOf(settingsOfConfig(written));
  if (!(await store.stat(`${uri}/${file}`)))
    throw corrupt(
      "AdapterMissing",
      `${uri}: ${file} is missing; save the adapter as safetensors, because pickles (*.bin) are not opened`,
    );
  const decoded = decodeOrFail(await store.read(`${uri}/${file}`), file);
  const parsed = withListedTargets(written, [...decoded.keys()]);
  const settings = settingsOfConfig(parsed);
  const only = await onlyQuantized(stores, uri);
  const given = await givenBeside(stores, uri, givenSourcesOf(settings).length);
  return { settings, ...only, ...given, ...foreignTensors(decoded, file, settings, parsed) };
}

/** So many adapters in folders by their numbers. */
async function givenBeside(stores: Stores, uri: string, count: number): Promise<Pick<PeftAdapter, "given">> {
  if (count === 0) return {};
  const given: PeftAdapter[] = [];
  for (let index = 0; index < count; index++) {
    const adapter = await readPeftAdapter(stores, `${uri}/${index}`);
    if (!adapter)
      throw corrupt(
        "AdapterMissing",
        `${uri}: the adapter ${index} that it mixes is missing: put its ${adapterConfigFile} and weights into the folder ${index}`,
      );
    given.push(adapter);
  }
  return { given };
}

/** An adapter of ours whose base was quantised for it belongs to that base alone. */
async function onlyQuantized(stores: Stores, uri: string): Promise<Pick<PeftAdapter, "plainRefusal">> {
  const found = await readManifest(stores, uri, adapterManifest).catch(() => undefined);
  const how = found && quantizesFor(found.manifest.method);
  if (!how) return {};
  const plainRefusal = `the adapter was trained with ${how.setting} ${how.value} and belongs to the base that was quantised for it: chat with luthier chat --adapter NAME, or with a merged export that has base: Dequantized`;
  return { plainRefusal };
}

/** Tensors of an untrusted adapter. Throws a failure that names the file, the tensor and the fault. */
function foreignTensors(
  decoded: ReadonlyMap<string, DecodedTensor>,
  file: string,
  settings: MethodSettings,
  config: PeftConfig,
): Required<Pick<PeftAdapter, "tensors" | "repeated">> {
  const wrong = (what: string) => corrupt("AdapterCorrupt", `${file}: ${what}`);
  const method = methodOf(settings);
  const has = (key: string) => decoded.has(key);
  if (decoded.size === 0) throw wrong("has no tensors");
  for (const [key, { dtype, shape, data }] of decoded) {
    const fault = method.peft?.fault({ key, shape }, has, config);
    if (fault !== undefined) throw wrong(fault);
    if (method.peft?.isWhole(key)) {
      if (dtype !== "I32") throw wrong(`${key} is ${dtype}; save it as I32`);
      continue;
    }
    if (!isFloatType(dtype)) throw wrong(`${key} is ${dtype}; save it as F32, BF16 or F16`);
    const at = widened(data, dtype).findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw wrong(`${key} holds a number that is not finite (number ${at}): the adapter is damaged`);
  }
  const repeated = new Map<string, DecodedTensor>();
  const own = new Map<string, DecodedTensor>();
  for (const [key, tensor] of decoded) {
    const base = method.peft?.repeats(key, has);
    if (base === undefined) own.set(key, tensor);
    else repeated.set(base, tensor);
  }
  return { tensors: namedTensors(own, method, config, file), repeated };
}

/** The tensors of an adapter's file; those of a model with pictures by the names of its language model. */
function decodeOrFail(bytes: Uint8Array, file: string): ReadonlyMap<string, DecodedTensor> {
  try {
    return new Map([...decodeTensors(bytes)].map(([key, tensor]) => [keyOfOwn(key), tensor]));
  } catch (error) {
    if (error instanceof SafetensorsError) throw corrupt("AdapterCorrupt", `${file}: ${error.message}`);
    throw error;
  }
}

/** Tensors of an adapter's file by Luthier's names, in F32. */
function namedTensors(
  decoded: ReadonlyMap<string, DecodedTensor>,
  { peft }: BoundMethod,
  config: PeftConfig,
  file: string,
): AdapterTensors {
  const stored = [...decoded].map(([name, { dtype, shape, data }]) => {
    if (dtype === "I32" && peft?.isWhole(name))
      return { name, shape, values: Float32Array.from(new Int32Array(data.slice().buffer)) };
    if (!isFloatType(dtype)) throw corrupt("AdapterCorrupt", `${file}: ${name} is ${dtype}`);
    return { name, shape, values: widened(data, dtype) };
  });
  return new Map((peft?.fromPeft(stored, config) ?? []).map(({ name, values }) => [name, values]));
}
