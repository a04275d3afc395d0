/**
 * A model in Hugging Face's layout, staged as objects by their digests or in a directory: its configuration, its
 * tokenizer and template, its tensors.
 */

import { baseTensors, linearLayers } from "../compile/compile.ts";
import { corrupt, invalid } from "../contract/failure.ts";
import { type ModelConfig, readModelConfig, storedQuantization, UnsupportedModelError } from "../contract/model.ts";
import type { StoredQuantization } from "../contract/storedQuantization.ts";
import { type Codec, type CodecTexts, codecOf } from "../data/encoding/codec.ts";
import { type BaseManifest, baseManifest, getManifest } from "../data/packed/manifests.ts";
import {
  contentOf,
  type ModelFiles,
  modelFileNames,
  type PlacedTensor,
  parseJson,
  readTensorTable,
  templateName,
} from "../formats/huggingFace.ts";
import { storageOf } from "../formats/nf4.ts";
import { indexFile } from "../formats/shards.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import type { Digest } from "../stores/digest.ts";
import { type FileList, localListed } from "../stores/directory.ts";
import type { Objects } from "../stores/objects.ts";
import type { Entry } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";
import { withNf4Parts } from "./bitsandbytes.ts";
import { modelTensors } from "./modelTensors.ts";
import { isFactorsFile } from "./storedFactors.ts";

export interface StoredFile {
  uri: string;
  /** The entry in its store's list. */
  entry: Entry;
}

/** Bytes per step when comparing two tensors. */
const comparedBytes = 8 << 20;

export class StoredModel implements ModelFiles {
  readonly #stores: Stores;
  readonly #files: ReadonlyMap<string, StoredFile>;
  #config: Promise<unknown> | undefined;
  #tensors: Promise<ReadonlyMap<string, PlacedTensor>> | undefined;
  #stored: Promise<ReadonlyMap<string, PlacedTensor>> | undefined;

  constructor(stores: Stores, files: ReadonlyMap<string, StoredFile>) {
    this.#stores = stores;
    this.#files = files;
  }

  /** The base model with this digest. */
  static async staged(stores: Stores, objects: Objects, digest: Digest): Promise<StoredModel> {
    return StoredModel.ofManifest(stores, objects, await getManifest(objects, digest, baseManifest));
  }

  static ofManifest(stores: Stores, objects: Objects, manifest: BaseManifest): StoredModel {
    const located = manifest.files.map(({ path, digest, bytes }) => {
      return [
        path,
        { uri: objects.uri(digest), entry: { path, bytes, version: digest, modifiedAt: 0, digest } },
      ] as const;
    });
    return new StoredModel(stores, new Map(located));
  }

  /** The model in a directory; files that do not belong to a model are skipped. */
  static async inDirectory(stores: Stores, uri: string): Promise<StoredModel> {
    const store = stores.of(uri);
    const listed = new Map((await store.list(uri)).map((entry) => [entry.path, entry]));
    if (listed.size === 0) throw await noModel(stores, uri);
    const at = (name: string) => `${uri.replace(/\/+$/, "")}/${name}`;
    const index = listed.has(indexFile) ? Buffer.from(await store.read(at(indexFile))).toString("utf8") : undefined;
    const names = modelFileNames([...listed.keys()], index).sort();
    return new StoredModel(stores, new Map(names.map((name) => [name, { uri: at(name), entry: listed.get(name)! }])));
  }

  /** Names of all files, sorted. */
  names(): string[] {
    return [...this.#files.keys()];
  }

  /** Names of the files that are not weights: configuration, tokenizer, licence. */
  companions(): string[] {
    return this.names().filter((name) => !/\.safetensors(\.index\.json)?$/.test(name) && !isFactorsFile(name));
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  bytes(name: string): number {
    return this.file(name).entry.bytes;
  }

  file(name: string): StoredFile {
    const file = this.#files.get(name);
    if (!file) throw corrupt("ModelCorrupt", `the model has no ${name}`);
    return file;
  }

  async read(name: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    const { uri } = this.file(name);
    return await this.#stores.of(uri).read(uri, range);
  }

  /** The same model in local files, for mapping: `localCopy` gives the URI of a local file with the same bytes. */
  async onThisMachine(localCopy: (file: StoredFile) => Promise<string>): Promise<StoredModel> {
    const files = new Map<string, StoredFile>();
    for (const [name, file] of this.#files) files.set(name, { ...file, uri: await localCopy(file) });
    return new StoredModel(this.#stores, files);
  }

  /** The path of a local file. */
  async localFile(name: string): Promise<string> {
    const { uri } = this.file(name);
    const file = await this.#stores.of(uri).localFile(uri);
    if (file === undefined) throw new Error(`${uri} is mapped and was not fetched`);
    return file;
  }

  async text(name: string): Promise<string> {
    return Buffer.from(await this.read(name)).toString("utf8");
  }

  async config(): Promise<ModelConfig> {
    return await this.#fromConfig(readModelConfig);
  }

  /** How the weights are quantised already, by config.json. */
  async storedQuantization(): Promise<StoredQuantization | undefined> {
    return await this.#fromConfig(storedQuantization);
  }

  async #fromConfig<T>(read: (config: unknown) => T): Promise<T> {
    this.#config ??= this.text("config.json").then((text) => parseJson("config.json", text));
    try {
      return read(await this.#config);
    } catch (error) {
      if (error instanceof UnsupportedModelError) throw invalid("BaseModelUnsupported", error.message);
      throw error;
    }
  }

  async codec(): Promise<Codec> {
    return await codecOf(await this.codecTexts());
  }

  async codecTexts(): Promise<CodecTexts> {
    const textIfThere = async (name: string) => (this.has(name) ? await this.text(name) : undefined);
    return {
      tokenizer: await this.text("tokenizer.json"),
      config: await this.text("tokenizer_config.json"),
      specialTokensMap: await textIfThere("special_tokens_map.json"),
      addedTokens: await textIfThere("added_tokens.json"),
      templates: await this.#templates(),
      modelConfig: await this.text("config.json"),
      generationConfig: await textIfThere("generation_config.json"),
    };
  }

  async #templates(): Promise<Readonly<Record<string, string>>> {
    const texts: [string, string][] = [];
    for (const file of this.names()) {
      const name = templateName(file);
      if (name !== undefined) texts.push([name, await this.text(file)]);
    }
    return Object.fromEntries(texts);
  }

  /** The storage of the tensors. */
  async storage(): Promise<CompileSpec["storage"]> {
    const layers = linearLayers(await this.config()).map(({ name }) => name);
    return storageOf(await this.tensors(), layers);
  }

  /**
   * The tensors that config.json promises and no other, those in NF4 in the parts that the trainer reads. Throws a failure
   * that names the first one that differs.
   */
  async tensors(): Promise<ReadonlyMap<string, PlacedTensor>> {
    this.#tensors ??= this.#readTensors();
    return await this.#tensors;
  }

  async #readTensors(): Promise<ReadonlyMap<string, PlacedTensor>> {
    const read = (tensor: PlacedTensor) => contentOf(this, tensor);
    return await withNf4Parts(await this.storedTensors(), baseTensors(await this.config()), read);
  }

  /** The tensors as the checkpoint stores them, by the headers of its files. */
  async storedTensors(): Promise<ReadonlyMap<string, PlacedTensor>> {
    this.#stored ??= this.#readStored();
    return await this.#stored;
  }

  async #readStored(): Promise<ReadonlyMap<string, PlacedTensor>> {
    const config = await this.config();
    const table = await readTensorTable(this.names(), this);
    return await modelTensors(table, {
      config,
      promised: baseTensors(config),
      linear: new Set(linearLayers(config).map(({ name }) => name)),
      quantization: await this.storedQuantization(),
      sameBytes: (a: PlacedTensor, b: PlacedTensor) => this.#sameBytes(a, b),
    });
  }

  async #sameBytes(a: PlacedTensor, b: PlacedTensor): Promise<boolean> {
    const part = (tensor: PlacedTensor, from: number) => {
      const start = tensor.start + from;
      return this.read(tensor.file, { start, end: Math.min(tensor.end, start + comparedBytes) });
    };
    for (let from = 0; from < a.end - a.start; from += comparedBytes) {
      if (Buffer.compare(await part(a, from), await part(b, from)) !== 0) return false;
    }
    return true;
  }
}

/** The failure for a model's URI with an empty list. */
async function noModel(stores: Stores, uri: string): Promise<Error> {
  const isFile =
    (await stores
      .of(uri)
      .stat(uri)
      .catch(() => undefined)) !== undefined;
  if (!isFile) return corrupt("ModelMissing", `${uri}: the directory is missing or empty`);
  return invalid(
    "BaseModelUnsupported",
    `${uri}: is a file; a base model is a directory in Hugging Face layout (config.json, tokenizer.json, safetensors), not packed: unpack an archive first`,
  );
}

/** The model of a directory in local files, each compared with its digest in `files`. */
export async function localModel(stores: Stores, uri: string, files: FileList): Promise<StoredModel> {
  const model = await StoredModel.inDirectory(stores, uri);
  return await model.onThisMachine(({ entry }) => localListed(stores, uri, files, entry.path));
}
