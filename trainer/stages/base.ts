/** The staged base model: its files by name, its configuration, its tokenizer and template, its tensors. */
import { type ModelConfig, readModelConfig, UnsupportedModelError } from "../contract/model.ts";
import { ChatTemplate, templateText } from "../data/chatTemplate.ts";
import type { Codec } from "../data/encode.ts";
import { type BaseManifest, baseManifest, getManifest } from "../data/manifests.ts";
import { Tokenizer } from "../data/tokenizer.ts";
import { corrupt, invalid } from "../failure.ts";
import { type ModelFiles, type PlacedTensor, parseJson, readTensorTable } from "../formats/huggingFace.ts";
import type { Digest, Objects } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";

export class BaseModel implements ModelFiles {
  readonly manifest: BaseManifest;
  readonly #stores: Stores;
  readonly #objects: Objects;

  constructor(stores: Stores, objects: Objects, manifest: BaseManifest) {
    this.#stores = stores;
    this.#objects = objects;
    this.manifest = manifest;
  }

  static async open(stores: Stores, objects: Objects, digest: Digest): Promise<BaseModel> {
    return new BaseModel(stores, objects, await getManifest(objects, digest, baseManifest));
  }

  has(name: string): boolean {
    return this.manifest.files.some(({ path }) => path === name);
  }

  bytes(name: string): number {
    return this.#file(name).bytes;
  }

  async read(name: string, range?: { start: number; end: number }): Promise<Uint8Array> {
    const uri = this.#objects.uri(this.#file(name).digest);
    return await this.#stores.of(uri).read(uri, range);
  }

  /** A file on this machine with these bytes. */
  async localFile(name: string): Promise<string> {
    return await this.#objects.localFile(this.#file(name).digest);
  }

  /** Reads every file once and compares its digest. */
  async verify(onFile: (done: number, total: number) => void): Promise<void> {
    const { files } = this.manifest;
    for (const [index, file] of files.entries()) {
      onFile(index, files.length);
      await this.#objects.verify(file.digest);
    }
    onFile(files.length, files.length);
  }

  /** Names of the files that are not weights: configuration, tokenizer, licence. */
  companions(): string[] {
    return this.manifest.files.map(({ path }) => path).filter((path) => !/\.safetensors(\.index\.json)?$/.test(path));
  }

  async text(name: string): Promise<string> {
    return Buffer.from(await this.read(name)).toString("utf8");
  }

  async config(): Promise<ModelConfig> {
    try {
      return readModelConfig(parseJson("config.json", await this.text("config.json")));
    } catch (error) {
      if (error instanceof UnsupportedModelError) throw invalid("BaseModelUnsupported", error.message);
      throw error;
    }
  }

  async codec(): Promise<Codec> {
    const config = await this.text("tokenizer_config.json");
    const tokenizer = new Tokenizer(await this.text("tokenizer.json"), config);
    const file = this.has("chat_template.jinja") ? await this.text("chat_template.jinja") : undefined;
    const template = templateText(parseJson("tokenizer_config.json", config), file);
    return { tokenizer, template: template === undefined ? undefined : new ChatTemplate(template, tokenizer.special) };
  }

  async tensors(): Promise<ReadonlyMap<string, PlacedTensor>> {
    return await readTensorTable(
      this.manifest.files.map(({ path }) => path),
      this,
    );
  }

  #file(name: string) {
    const file = this.manifest.files.find(({ path }) => path === name);
    if (!file) throw corrupt("BaseModelCorrupt", `the staged base model has no ${name}`);
    return file;
  }
}
