/**
 * The result of a training as a directory: an adapter in PEFT's layout or, if the base itself was trained, a whole
 * model in Hugging Face's. The digest of its manifest identifies the result.
 */
import { z } from "zod";
import { type MethodSettings, methodSettings, resultOf } from "../contract/methods/index.ts";
import type { Engine, Parameters } from "../engine/engine.ts";
import { toBfloat16 } from "../formats/bfloat16.ts";
import { transposed } from "../formats/coded.ts";
import { encodeHeader, safetensorsChunks, type TensorData, type TensorFacts } from "../formats/safetensorsWriter.ts";
import { indexFile, shardIndex, shardTensors } from "../formats/shards.ts";
import { methodOf } from "../methods/index.ts";
import { DirectoryWriter, fileList } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import type { BaseName } from "./baseName.ts";
import { companionsOf } from "./companions.ts";
import { type WrittenTensor, writtenTensors } from "./fusedExperts.ts";
import { givenFiles } from "./givenFiles.ts";
import { keyInWrapper } from "./languageModel.ts";
import { encodeValues } from "./merge.ts";
import { adapterConfig, adapterConfigFile, weightsFileOf } from "./peftConfig.ts";
import type { StoredModel } from "./storedModel.ts";

export const adapterManifest = z.strictObject({
  kind: z.literal("adapter"),
  version: z.literal(1),
  runHash: z.string(),
  baseDigest: z.string(),
  baseUri: z.string(),
  method: methodSettings,
  files: fileList,
});
export type AdapterManifest = z.infer<typeof adapterManifest>;

const maxShardBytes = 5_000_000_000;

export interface AdapterFacts {
  runHash: string;
  baseDigest: string;
  baseUri: string;
  baseName: BaseName;
  method: MethodSettings;
  /** Optimiser steps of the run. */
  steps: number;
}

/** Writes the adapter directory; returns the digest of its manifest and the size of its files. */
export async function writeAdapter(
  stores: Stores,
  uri: string,
  result: { engine: Engine; parameters: Parameters; base: StoredModel; baseDataType: "F32" | "BF16" },
  facts: AdapterFacts,
  beforeCommit: () => Promise<void>,
): Promise<{ digest: string; bytes: number }> {
  const { runHash, baseDigest, baseUri, method } = facts;
  const writer = await DirectoryWriter.begin(stores, uri, { alone: true });
  if (resultOf(method) === "Adapter") await writePeft(writer, result, facts);
  else await writeModel(writer, result.engine, result.parameters, result.base, result.baseDataType);
  const digest = await writer.commit(
    { kind: "adapter", version: 1, runHash, baseDigest, baseUri, method },
    beforeCommit,
  );
  return { digest, bytes: writer.bytes };
}

async function writePeft(
  writer: DirectoryWriter,
  { engine, parameters, base }: { engine: Engine; parameters: Parameters; base: StoredModel },
  { method, baseName, steps }: AdapterFacts,
): Promise<void> {
  const { model } = engine.compiled.spec;
  const firsts = new Set(engine.stateOf("first").map(({ name }) => name));
  const named = engine.stateOf("parameter").map(({ name, shape }) => {
    const first = firsts.has(name) && { first: engine.floats("first", name) };
    return { name, shape, values: parameters.get(name)!, ...first };
  });
  const tensors = methodOf(method)
    .peft!.toPeft(named)
    .map(({ name: own, shape, values, dtype }): TensorData => {
      const name = model.wrapped ? keyInWrapper(own) : own;
      return { name, dtype: dtype ?? "F32", shape, data: bytesOf(dtype ? Int32Array.from(values) : values) };
    });
  await writer.writeChunks(weightsFileOf(method), safetensorsChunks(tensors));
  const { sites, embeddings } = engine.compiled;
  const trained = [...sites, ...embeddings].filter((site) => site.trained.length > 0);
  const modules = trained.map(({ name }) => name.slice(name.lastIndexOf(".") + 1));
  const layers = [...trained.map(({ name }) => name), ...named.map(({ name }) => name.replace(/\.(weight|bias)$/, ""))];
  const config = { modules, model, parameters: named, steps, layers };
  await writer.write(adapterConfigFile, Buffer.from(adapterConfig(method, config, baseName)));
  if (model.givenAdapters)
    for await (const { name, chunks } of givenFiles(base, sites)) await writer.writeChunks(name, chunks);
}

/** The trained model, in the type that the training computed with: its base's, or F32 for F16 and mixtures. */
async function writeModel(
  writer: DirectoryWriter,
  engine: Engine,
  parameters: Parameters,
  base: StoredModel,
  dtype: "F32" | "BF16",
): Promise<void> {
  const written = writtenTensors(engine.stateOf("parameter"), engine.compiled.spec.model);
  const facts = written.map((tensor) => ({ ...tensor, dtype }));
  const shards = shardTensors(facts, maxShardBytes);
  for (const { file, tensors } of shards) {
    await writer.writeChunks(file, shardChunks(tensors, parameters, dtype));
  }
  const index = shardIndex(shards);
  if (index) await writer.write(indexFile, Buffer.from(index));
  const widened = [...(await base.tensors()).values()].some((tensor) => tensor.dtype !== dtype);
  const companions = companionsOf(base, widened ? dtype : undefined);
  for await (const { name, content } of companions) await writer.write(name, content);
}

const pieceElements = 2 ** 19;

function* piecesOf(values: Float32Array): Iterable<Float32Array> {
  for (let at = 0; at < values.length; at += pieceElements) yield values.subarray(at, at + pieceElements);
}

function* shardChunks(
  tensors: readonly (TensorFacts & WrittenTensor)[],
  parameters: Parameters,
  dtype: "F32" | "BF16",
): Iterable<Uint8Array> {
  yield encodeHeader(tensors, { format: "pt" });
  // One buffer for all pieces: V8 collects buffers only after 64 MB of them.
  const rounded = new Uint16Array(pieceElements);
  for (const { parts, isTransposed } of tensors) {
    for (const { name, shape } of parts) {
      const values = parameters.get(name)!;
      const [rows = 0, columns = 0] = shape;
      if (isTransposed) yield transposed(encodeValues(values, dtype), rows, columns);
      else if (dtype === "F32") yield bytesOf(values);
      else for (const piece of piecesOf(values)) yield bytesOf(toBfloat16(piece, rounded).subarray(0, piece.length));
    }
  }
}

const bytesOf = (values: Float32Array | Int32Array | Uint16Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
