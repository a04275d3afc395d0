/**
 * Stages a base model: every file becomes an object, one after another. Each file is read once and compared with its
 * store's digest, if the store has one; weights are checked for numbers that are not finite as they stream. Files
 * already staged are not read again. Headers are checked against config.json before any weight is fetched, and again
 * after staging.
 */

import { corrupt } from "../contract/failure.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { storedType } from "../formats/huggingFace.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Entry } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";
import { isBitsandbytes, unquantizedTensors } from "../weights/bitsandbytes.ts";
import { FiniteNumbers, type NotFinite } from "../weights/finiteNumbers.ts";
import { isBuffer } from "../weights/modelTensors.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { StagedNotes } from "./stagedNotes.ts";

export interface StagedBase {
  manifest: BaseManifest;
  model: StoredModel;
  bytes: number;
}

interface StageOptions {
  stores: Stores;
  objects: Objects;
  artifactRoot: string;
  /** Sees the model by its headers before any weight is fetched, and may throw. */
  onHeaders?: (model: StoredModel) => Promise<void>;
  /** `onBytes(done, total)` receives the bytes fetched, and may throw to stop. */
  onBytes: (done: number, total: number) => void;
}

/** Stages the model at `uri`. A fault in its headers is reported before any weight is fetched. */
export async function stageBase(uri: string, options: StageOptions): Promise<StagedBase> {
  const { stores, objects, artifactRoot } = options;
  const source = await StoredModel.inDirectory(stores, uri);
  await options.onHeaders?.(source);
  const notes = await StagedNotes.open(stores, objects, storeLayout.staged(artifactRoot, uri));
  const files = new Map<string, StagedObject>();
  const missing: SourceFile[] = [];
  for (const path of source.names()) {
    const file = { path, ...source.file(path) };
    const known = await notes.known(nameOf(file));
    if (known) files.set(path, known);
    else missing.push(file);
  }
  const packed = new Set<string>();
  if (missing.some(isWeights)) {
    const stored = await source.storedTensors();
    const dense = unquantizedTensors(stored);
    storedType(dense);
    for (const name of stored.keys()) if (!dense.has(name) && isBitsandbytes(name, stored)) packed.add(name);
  }
  await stageFiles(missing, packed, notes, options, (path, staged) => files.set(path, staged));
  const located = source.names().map((path) => ({ path, ...files.get(path)! }));
  const manifest: BaseManifest = { kind: "base", version: 1, files: located };
  const model = StoredModel.ofManifest(stores, objects, manifest);
  await model.storage();
  return { manifest, model, bytes: located.reduce((sum, file) => sum + file.bytes, 0) };
}

interface SourceFile {
  path: string;
  uri: string;
  entry: Entry;
}

const isWeights = ({ path }: SourceFile) => path.endsWith(".safetensors");

/** The name of a file's record, which changes with its content. For weights it also states that all are finite. */
const nameOf = (file: SourceFile) => `${file.path} ${file.entry.version}${isWeights(file) ? " finite" : ""}`;

async function stageFiles(
  files: readonly SourceFile[],
  packed: ReadonlySet<string>,
  notes: StagedNotes,
  options: StageOptions,
  onStaged: (path: string, staged: StagedObject) => void,
): Promise<void> {
  const { stores, onBytes } = options;
  const total = files.reduce((sum, { entry }) => sum + entry.bytes, 0);
  let done = 0;
  for (const file of files) {
    const numbers = new FiniteNumbers(file.entry.bytes, (name) => !isBuffer(name) && !packed.has(name));
    const staged = await stageFile(file, options, (chunk) => {
      if (isWeights(file)) numbers.add(chunk);
      done += chunk.length;
      onBytes(Math.min(done, total), total);
    });
    const after = await stores.of(file.uri).stat(file.uri);
    // A file that changed during reading is read again after the listings are compared.
    if (after?.version === file.entry.version) {
      if (numbers.found) throw notFinite(file.path, numbers.found);
      await notes.note(nameOf(file), staged);
    }
    onStaged(file.path, staged);
  }
}

/** Stages a file as an object, or reads the existing one; `onChunk` receives its bytes. */
async function stageFile(
  { uri, entry }: SourceFile,
  { stores, objects }: StageOptions,
  onChunk: (chunk: Uint8Array) => void,
): Promise<StagedObject> {
  const { digest, bytes } = entry;
  const known = digest === undefined ? undefined : { digest, bytes };
  if (known && (await objects.has(known))) {
    const object = objects.uri(known.digest);
    for await (const chunk of stores.of(object).stream(object)) onChunk(chunk);
    return known;
  }
  const wrong = () => corrupt("DigestMismatch", `${uri}: its bytes do not match its store's digest`);
  const expected = digest === undefined ? undefined : { digest, wrong };
  return await objects.putStream(watched(stores.of(uri).stream(uri), onChunk), expected);
}

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  onChunk: (chunk: Uint8Array) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    onChunk(chunk);
    yield chunk;
  }
}

const notFinite = (file: string, { tensor, element, value }: NotFinite) =>
  corrupt(
    "BaseModelCorrupt",
    `${tensor} of the base model holds ${value} (${file}, its number ${element}): the weights are damaged, for example by a conversion ` +
      "or a merge; get them again from their source",
  );
