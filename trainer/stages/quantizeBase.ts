/**
 * Quantises a staged base: its linear layers to NF4, everything else as it is, in shards that are objects by their content.
 * Shard by shard, so that memory is bounded by one of them; each is noted when it is staged, so that neither a prepare that
 * was stopped nor a later one of the same base does it again. The same base gives the same digest, on any machine.
 */
import { z } from "zod";
import { linearLayers } from "../compile/compile.ts";
import type { QuantizationSettings } from "../contract/effective.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { BaseManifest } from "../data/manifests.ts";
import type { PlacedTensor } from "../formats/huggingFace.ts";
import { absmaxName, nestedAbsmaxName } from "../formats/nf4.ts";
import { encodeHeader, type TensorData } from "../formats/safetensorsWriter.ts";
import { type Shard, shardTensors } from "../formats/shards.ts";
import { addon } from "../native/addon.ts";
import { jsonOf } from "../stores/directory.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import type { StagedBase } from "./stageBase.ts";
import type { StoredModel } from "./storedModel.ts";

/** Bytes of the original's tensors that become one shard, but for a tensor that alone is larger. */
const usualShardBytes = 256_000_000;

const shardNotes = z.record(
  z.string(),
  z.strictObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/), bytes: z.int().min(0) }),
);
type ShardNotes = z.infer<typeof shardNotes>;

export interface QuantizeOptions {
  stores: Stores;
  objects: Objects;
  artifactRoot: string;
  /** The staged original and the digest of its manifest. */
  original: StagedBase & { digest: string };
  quantization: QuantizationSettings;
  /** Bytes of the original that are quantised at a time: they and what is made of them are in memory. */
  shardBytes?: number;
  /** Hears of progress, and may throw to stop. */
  onTensor: (done: number, total: number) => void;
}

/** The manifest of the quantised base, and the size of its weights. */
export async function quantizeBase(options: QuantizeOptions): Promise<{ manifest: BaseManifest; bytes: number }> {
  const { original, onTensor } = options;
  const table = await original.model.tensors();
  const linear = new Set(linearLayers(await original.model.config()).map(({ name }) => `${name}.weight`));
  const notes = await ShardLog.open(options);
  let done = 0;
  const files: BaseManifest["files"] = [];
  for (const shard of shardTensors([...table.values()], options.shardBytes ?? usualShardBytes)) {
    onTensor(done, table.size);
    const staged =
      (await notes.known(shard.file)) ??
      (await notes.note(shard.file, await options.objects.putChunks(await quantizedShard(shard, linear, options))));
    files.push({ path: shard.file, ...staged });
    done += shard.tensors.length;
  }
  onTensor(done, table.size);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const companions = new Set(original.model.companions());
  const kept = original.manifest.files.filter(({ path }) => companions.has(path));
  return { manifest: { kind: "base", version: 1, files: [...kept, ...files], original: original.digest }, bytes };
}

async function quantizedShard(
  { tensors }: Shard<PlacedTensor>,
  linear: ReadonlySet<string>,
  { original: { model }, quantization }: QuantizeOptions,
): Promise<Uint8Array[]> {
  const made: TensorData[] = [];
  for (const tensor of tensors) {
    const parts = linear.has(tensor.name) ? quantized(tensor, await read(model, tensor), quantization) : undefined;
    made.push(...(parts ?? [{ ...tensor, data: await read(model, tensor) }]));
  }
  // What is a whole number of cache lines comes first, so that as much as can be is mapped from the file.
  const ordered = [...made.filter(isWhole), ...made.filter((tensor) => !isWhole(tensor))];
  return [encodeHeader(ordered, { format: "pt" }), ...ordered.map(({ data }) => data)];
}

const isWhole = ({ data }: TensorData) => data.length % 64 === 0;

const read = (model: StoredModel, tensor: PlacedTensor) => model.read(tensor.file, tensor);

function quantized(
  { name, dtype }: PlacedTensor,
  values: Uint8Array,
  { doubleQuantization }: QuantizationSettings,
): TensorData[] {
  if (dtype !== "F32" && dtype !== "BF16") throw new Error(`${name} is ${dtype}, which is not quantised`);
  const { packed, absmax, nestedAbsmax } = addon().quantizeNf4(values, dtype, doubleQuantization);
  const flat = (part: string, type: "U8" | "F32", data: Uint8Array): TensorData => {
    return { name: part, dtype: type, shape: [type === "U8" ? data.length : data.length / 4], data };
  };
  const parts = [flat(name, "U8", packed), flat(absmaxName(name), nestedAbsmax ? "U8" : "F32", absmax)];
  return nestedAbsmax ? [...parts, flat(nestedAbsmaxName(name), "F32", nestedAbsmax)] : parts;
}

/** Shards by name that are staged already. */
class ShardLog {
  readonly #uri: string;
  readonly #notes: ShardNotes;
  readonly #options: QuantizeOptions;

  private constructor(uri: string, notes: ShardNotes, options: QuantizeOptions) {
    this.#uri = uri;
    this.#notes = notes;
    this.#options = options;
  }

  /** A log that cannot be read is begun anew. */
  static async open(options: QuantizeOptions): Promise<ShardLog> {
    const { artifactRoot, original, quantization, stores } = options;
    const how = `${quantization.type}${quantization.doubleQuantization ? "-double" : ""}`.toLowerCase();
    const uri = storeLayout.quantized(artifactRoot, original.digest.slice("sha256:".length), how);
    const store = stores.of(uri);
    const parsed = shardNotes.safeParse((await store.stat(uri)) ? jsonOf(await store.read(uri)) : {});
    return new ShardLog(uri, parsed.success ? parsed.data : {}, options);
  }

  /** The shard, if its object is still there. */
  async known(shard: string): Promise<StagedObject | undefined> {
    const noted = Object.hasOwn(this.#notes, shard) ? this.#notes[shard] : undefined;
    return noted && (await this.#options.objects.has(noted)) ? noted : undefined;
  }

  async note(shard: string, staged: StagedObject): Promise<StagedObject> {
    this.#notes[shard] = staged;
    await this.#options.stores.of(this.#uri).write(this.#uri, Buffer.from(JSON.stringify(this.#notes)));
    return staged;
  }
}
