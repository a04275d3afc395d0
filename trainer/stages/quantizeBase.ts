/**
 * Quantises a staged base: its linear layers become NF4, other tensors stay unchanged, in content-addressed shards. It
 * works tensor by tensor, so the largest one bounds the memory. Each staged shard is recorded, so neither a resumed
 * prepare nor a later one of the same base repeats it. The same base gives the same digest on every machine.
 */
import { createHash } from "node:crypto";
import { linearLayers } from "../compile/compile.ts";
import type { QuantizationSettings } from "../contract/effective.ts";
import { corrupt, invalid, messageOf } from "../contract/failure.ts";
import { isGivenTensor } from "../contract/givenAdapters.ts";
import { canonicalJson } from "../contract/hashes.ts";
import { canonicalMethod, type MethodSettings } from "../contract/methods/index.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { isFloatType, widened } from "../formats/bfloat16.ts";
import { contentOf, type PlacedTensor, storedType } from "../formats/huggingFace.ts";
import {
  encodeHeader,
  safetensorsChunks,
  type TensorData,
  type TensorFacts,
  tensorBytes,
} from "../formats/safetensorsWriter.ts";
import { type Shard, shardTensors } from "../formats/shards.ts";
import { type Nf4Matrix, nf4Parts } from "../graph/nf4.ts";
import { methodOf } from "../methods/index.ts";
import type { QuantizedStart } from "../methods/method.ts";
import { addon } from "../native/addon.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Stores } from "../stores/stores.ts";
import { factorsFileOf } from "../weights/storedFactors.ts";
import { quantizedWithFactors } from "./quantizedStart.ts";
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
  /** The method, if the base is quantised for it. */
  method?: MethodSettings;
  /** Number of threads for decompositions; 0: one per granted core. */
  threads?: number;
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
  const starts = startsOf(options, linear);
  const staged = new Map<string, StagedObject>();
  for (const shard of shards) {
    for (const file of filesOf(shard, starts)) {
      const known = await notes.known(noteOf(shard, file));
      if (known) staged.set(file, known);
    }
  }
  const missing = shards.filter((shard) => !filesOf(shard, starts).every((file) => staged.has(file)));
  const total = missing.reduce((sum, { tensors }) => sum + tensors.length, 0);
  let done = 0;
  const onQuantized = () => onTensor(++done, total);
  onTensor(done, total);
  for (const shard of missing) {
    const factors: TensorData[] = [];
    const made = await options.objects.putStream(
      quantizedShard(shard, linear, { ...options, starts, factors }, onQuantized),
    );
    staged.set(shard.file, await notes.note(noteOf(shard, shard.file), made));
    if (factors.length === 0) continue;
    const file = factorsFileOf(shard.file);
    const stagedFactors = await options.objects.putStream(safetensorsChunks(factors, { format: "pt" }));
    staged.set(file, await notes.note(noteOf(shard, file), stagedFactors));
  }
  const files = shards.flatMap((shard) => filesOf(shard, starts)).map((path) => ({ path, ...staged.get(path)! }));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const companions = new Set(original.model.companions());
  const kept = original.manifest.files.filter(({ path }) => companions.has(path));
  const manifest: BaseManifest = { kind: "base", version: 1, files: [...kept, ...files], original: original.digest };
  return {
    manifest,
    bytes,
    dense: storedType(new Map([...table].filter(([name]) => !linear.has(name) && !isGivenTensor(name)))),
  };
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

type Starts = (tensor: string) => QuantizedStart | undefined;

function startsOf({ method }: QuantizeOptions, linear: ReadonlySet<string>): Starts {
  if (!method) return () => undefined;
  const bound = methodOf(method);
  return (tensor) => (linear.has(tensor) ? bound.quantizedStart(tensor.replace(/\.weight$/, "")) : undefined);
}

/** The files of a shard: its tensors and, where matrices are quantised for a method, their factors. */
const filesOf = ({ file, tensors }: Shard<PlacedTensor>, starts: Starts): string[] =>
  tensors.some(({ name }) => starts(name)) ? [file, factorsFileOf(file)] : [file];

/** The name of a file's record, which covers the shard's list of tensors. */
const noteOf = ({ tensors }: Shard<PlacedTensor>, file: string) => {
  const names = tensors.map(({ name }) => name).join("\n");
  return `${file} ${sha256(names)}`;
};

function notesOf({
  artifactRoot,
  original,
  quantization,
  method,
  stores,
  objects,
}: QuantizeOptions): Promise<StagedNotes> {
  const plain = `${quantization.type}${quantization.doubleQuantization ? "-double" : ""}`.toLowerCase();
  const how = method ? `${plain}-${sha256(canonicalJson(canonicalMethod(method)))}` : plain;
  const uri = storeLayout.quantized(artifactRoot, original.digest.slice("sha256:".length), how);
  return StagedNotes.open(stores, objects, uri);
}

/** A shard's bytes, tensor by tensor. Only one tensor is in memory, and the scales, which go to the end. */
async function* quantizedShard(
  { tensors }: Shard<PlacedTensor>,
  linear: ReadonlySet<string>,
  options: QuantizeOptions & { readonly starts: Starts; readonly factors: TensorData[] },
  onQuantized: () => void,
): AsyncIterable<Uint8Array> {
  const { model } = options.original;
  const { quantization, starts } = options;
  const made = tensors.flatMap((tensor) => (linear.has(tensor.name) ? partsOf(tensor, quantization) : [tensor]));
  // Parts that fill whole cache lines come first, so that most of the file can be mapped.
  const isWhole = (facts: TensorFacts) => tensorBytes(facts) % 64 === 0;
  const last = new Map<string, Uint8Array>();
  for (const facts of made) if (!isWhole(facts)) last.set(facts.name, new Uint8Array());
  const partsIn = async (tensor: PlacedTensor, bytes: Uint8Array): Promise<readonly TensorData[]> => {
    const start = starts(tensor.name);
    if (start) return await quantizedFor(start, tensor, bytes, options);
    return linear.has(tensor.name) ? await quantized(tensor, bytes, quantization) : [{ ...tensor, data: bytes }];
  };
  yield encodeHeader([...made.filter(isWhole), ...made.filter((facts) => !isWhole(facts))], { format: "pt" });
  for (const tensor of tensors) {
    const bytes = await contentOf(model, tensor);
    for (const part of await partsIn(tensor, bytes)) {
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
async function corruptUnless<T>(name: string, quantize: () => T | Promise<T>): Promise<T> {
  try {
    return await quantize();
  } catch (error) {
    throw corrupt("BaseModelCorrupt", `${name} of the base model cannot be quantised: ${messageOf(error)}`);
  }
}

/** The parts of a matrix that is quantised for a method; `factors` receives the values of its parameters. */
async function quantizedFor(
  { rank, scale, iterations, a, b }: QuantizedStart,
  tensor: PlacedTensor,
  bytes: Uint8Array,
  { quantization, threads, factors }: QuantizeOptions & { readonly factors: TensorData[] },
): Promise<TensorData[]> {
  const [rows = 0, columns = 0] = tensor.shape;
  const most = Math.min(rows, columns);
  if (rank > most)
    throw invalid(
      "PlanImpossible",
      `initialization: LoftQ: the rank of ${tensor.name} is ${rank}, but its matrix has only ${most} singular values: lower rank, or set rankPattern`,
    );
  if (!isFloatType(tensor.dtype)) throw new Error(`${tensor.name} is ${tensor.dtype}, which is not quantised`);
  const values = widened(bytes, tensor.dtype, new Float32Array(rows * columns));
  const { doubleQuantization } = quantization;
  const settings = { rank, scale, iterations, doubleQuantization, threads: threads || addon().info().cores };
  const made = await corruptUnless(tensor.name, () => quantizedWithFactors({ values, rows, columns }, settings));
  const stored = (name: string, shape: readonly number[], { buffer }: Float32Array): TensorData => ({
    name,
    shape,
    dtype: "F32",
    data: new Uint8Array(buffer),
  });
  factors.push(stored(a, [rank, columns], made.a), stored(b, [rows, rank], made.b));
  return partsWith(tensor, made.quantized, quantization);
}

async function quantized(tensor: PlacedTensor, values: Uint8Array, how: QuantizationSettings): Promise<TensorData[]> {
  const { name, dtype } = tensor;
  const matrix = await corruptUnless(name, () => {
    if (dtype === "F32" || dtype === "BF16") return addon().quantizeNf4(values, dtype, how.doubleQuantization);
    if (dtype !== "F16") throw new Error(`${name} is ${dtype}, which is not quantised`);
    const wide = widened(values, dtype, new Float32Array(values.length / 2));
    return addon().quantizeNf4(new Uint8Array(wide.buffer), "F32", how.doubleQuantization);
  });
  return partsWith(tensor, matrix, how);
}

function partsWith(
  tensor: PlacedTensor,
  { packed, absmax, nestedAbsmax }: Nf4Matrix,
  how: QuantizationSettings,
): TensorData[] {
  const data = [packed, absmax, ...(nestedAbsmax ? [nestedAbsmax] : [])];
  return partsOf(tensor, how).map((facts, index) => {
    const part = data[index];
    if (part?.length !== tensorBytes(facts))
      throw new Error(`${facts.name} has ${part?.length} bytes after quantising`);
    return { ...facts, data: part };
  });
}
