/**
 * Quantises a staged base: its linear layers become NF4, other tensors stay unchanged, in content-addressed shards. It
 * works tensor by tensor, so the largest one bounds the memory. Each staged shard is recorded, so neither a resumed
 * prepare nor a later one of the same base repeats it. The same base gives the same digest on every machine.
 */
import { createHash } from "node:crypto";
import { linearLayers } from "../compile/compile.ts";
import type { QuantizationSettings } from "../contract/effective.ts";
import { corrupt, messageOf } from "../contract/failure.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { widened } from "../formats/bfloat16.ts";
import { type PlacedTensor, storedType } from "../formats/huggingFace.ts";
import { encodeHeader, type TensorData, type TensorFacts, tensorBytes } from "../formats/safetensorsWriter.ts";
import { type Shard, shardTensors } from "../formats/shards.ts";
import { nf4Parts } from "../graph/nf4.ts";
import { addon } from "../native/addon.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import type { StagedBase } from "./stageBase.ts";
import { StagedNotes } from "./stagedNotes.ts";

/** Bytes of the original's tensors per shard; a larger tensor has its own shard. */
const usualShardBytes = 256_000_000;

export interface QuantizeOptions {
  stores: Stores;
  objects: Objects;
  artifactRoot: string;
  /** The staged original and the digest of its manifest. */
  original: StagedBase & { digest: string };
  quantization: QuantizationSettings;
  /** Bytes of the original per shard: the work that a stopped prepare repeats. */
  shardBytes?: number;
  /** Receives progress, and may throw to stop. */
  onTensor: (done: number, total: number) => void;
}

export interface QuantizedBase {
  manifest: BaseManifest;
  /** The size of its weights. */
  bytes: number;
  /** Type of the tensors that stay as they are. */
  dense: "F32" | "BF16";
}

export async function quantizeBase(options: QuantizeOptions): Promise<QuantizedBase> {
  const { original, onTensor } = options;
  const table = await original.model.tensors();
  const linear = new Set(linearLayers(await original.model.config()).map(({ name }) => `${name}.weight`));
  const notes = await notesOf(options);
  const shards = shardTensors([...table.values()], options.shardBytes ?? usualShardBytes);
  const staged = new Map<string, StagedObject>();
  for (const shard of shards) {
    const known = await notes.known(noteOf(shard));
    if (known) staged.set(shard.file, known);
  }
  const missing = shards.filter(({ file }) => !staged.has(file));
  const total = missing.reduce((sum, { tensors }) => sum + tensors.length, 0);
  let done = 0;
  const onQuantized = () => onTensor(++done, total);
  onTensor(done, total);
  for (const shard of missing) {
    const made = await options.objects.putStream(quantizedShard(shard, linear, options, onQuantized));
    staged.set(shard.file, await notes.note(noteOf(shard), made));
  }
  const files = shards.map(({ file }) => ({ path: file, ...staged.get(file)! }));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const companions = new Set(original.model.companions());
  const kept = original.manifest.files.filter(({ path }) => companions.has(path));
  const manifest: BaseManifest = { kind: "base", version: 1, files: [...kept, ...files], original: original.digest };
  return { manifest, bytes, dense: storedType(new Map([...table].filter(([name]) => !linear.has(name)))) };
}

/** The name of a shard's record, which covers its list of tensors. */
const noteOf = ({ file, tensors }: Shard<PlacedTensor>) => {
  const names = tensors.map(({ name }) => name).join("\n");
  return `${file} ${createHash("sha256").update(names).digest("hex").slice(0, 16)}`;
};

function notesOf({ artifactRoot, original, quantization, stores, objects }: QuantizeOptions): Promise<StagedNotes> {
  const how = `${quantization.type}${quantization.doubleQuantization ? "-double" : ""}`.toLowerCase();
  const uri = storeLayout.quantized(artifactRoot, original.digest.slice("sha256:".length), how);
  return StagedNotes.open(stores, objects, uri);
}

/** A shard's bytes, tensor by tensor. Only one tensor is in memory, and the scales, which go to the end. */
async function* quantizedShard(
  { tensors }: Shard<PlacedTensor>,
  linear: ReadonlySet<string>,
  { original: { model }, quantization }: QuantizeOptions,
  onQuantized: () => void,
): AsyncIterable<Uint8Array> {
  const made = tensors.flatMap((tensor) => (linear.has(tensor.name) ? partsOf(tensor, quantization) : [tensor]));
  // Parts that fill whole cache lines come first, so that most of the file can be mapped.
  const isWhole = (facts: TensorFacts) => tensorBytes(facts) % 64 === 0;
  const last = new Map<string, Uint8Array>();
  for (const facts of made) if (!isWhole(facts)) last.set(facts.name, new Uint8Array());
  yield encodeHeader([...made.filter(isWhole), ...made.filter((facts) => !isWhole(facts))], { format: "pt" });
  for (const tensor of tensors) {
    const bytes = await model.read(tensor.file, tensor);
    const data = linear.has(tensor.name) ? quantized(tensor, bytes, quantization) : [{ ...tensor, data: bytes }];
    for (const part of data) {
      if (last.has(part.name)) last.set(part.name, part.data);
      else yield part.data;
    }
    onQuantized();
  }
  yield* last.values();
}

/** The quantised parts of a linear layer's weight, by its shape. */
function partsOf({ name, shape }: PlacedTensor, { doubleQuantization }: QuantizationSettings): TensorFacts[] {
  return nf4Parts(name, shape, doubleQuantization);
}

/** Throws a failure for numbers whose scales are not finite, because they have no codes. */
function corruptUnless<T>(name: string, quantize: () => T): T {
  try {
    return quantize();
  } catch (error) {
    throw corrupt("BaseModelCorrupt", `${name} of the base model cannot be quantised: ${messageOf(error)}`);
  }
}

function quantized(tensor: PlacedTensor, values: Uint8Array, how: QuantizationSettings): TensorData[] {
  const { name, dtype } = tensor;
  const { packed, absmax, nestedAbsmax } = corruptUnless(name, () => {
    if (dtype === "F32" || dtype === "BF16") return addon().quantizeNf4(values, dtype, how.doubleQuantization);
    if (dtype !== "F16") throw new Error(`${name} is ${dtype}, which is not quantised`);
    const wide = widened(values, dtype, new Float32Array(values.length / 2));
    return addon().quantizeNf4(new Uint8Array(wide.buffer), "F32", how.doubleQuantization);
  });
  const data = [packed, absmax, ...(nestedAbsmax ? [nestedAbsmax] : [])];
  return partsOf(tensor, how).map((facts, index) => {
    const part = data[index];
    if (part?.length !== tensorBytes(facts))
      throw new Error(`${facts.name} has ${part?.length} bytes after quantising`);
    return { ...facts, data: part };
  });
}
