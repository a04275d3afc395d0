/**
 * Stages a base model: every file of it becomes an object, one after another, each read once and compared with the digest
 * that its store gives for it, where it gives one. What was staged before is not read again. The whole is read as a model
 * before it is believed.
 */

import { corrupt } from "../contract/failure.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { BaseManifest } from "../data/packed/manifests.ts";
import { counting } from "../stores/localCopy.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import type { Entry } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";
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
  /** `onBytes(done, total)` hears of what is fetched, and may throw to stop. */
  onBytes: (done: number, total: number) => void;
}

export async function stageBase(uri: string, options: StageOptions): Promise<StagedBase> {
  const { stores, objects, artifactRoot } = options;
  const source = await StoredModel.inDirectory(stores, uri);
  const notes = await StagedNotes.open(stores, objects, storeLayout.staged(artifactRoot, uri));
  const files = new Map<string, StagedObject>();
  const missing: SourceFile[] = [];
  for (const path of source.names()) {
    const file = { path, ...source.file(path) };
    const known = await alreadyStaged(file, notes, objects);
    if (known) files.set(path, known);
    else missing.push(file);
  }
  await stageFiles(missing, notes, options, (path, staged) => files.set(path, staged));
  const located = source.names().map((path) => ({ path, ...files.get(path)! }));
  const manifest: BaseManifest = { kind: "base", version: 1, files: located };
  const model = StoredModel.ofManifest(stores, objects, manifest);
  await model.tensors();
  return { manifest, model, bytes: located.reduce((sum, file) => sum + file.bytes, 0) };
}

interface SourceFile {
  path: string;
  uri: string;
  entry: Entry;
}

/** The name of a note: other content under the same path is another. */
const nameOf = ({ path, entry }: SourceFile) => `${path} ${entry.version}`;

async function alreadyStaged(
  file: SourceFile,
  notes: StagedNotes,
  objects: Objects,
): Promise<StagedObject | undefined> {
  const { digest, bytes } = file.entry;
  const said = digest === undefined ? undefined : { digest, bytes };
  return (await notes.known(nameOf(file))) ?? (said && (await objects.has(said)) ? said : undefined);
}

async function stageFiles(
  files: readonly SourceFile[],
  notes: StagedNotes,
  { stores, objects, onBytes }: StageOptions,
  onStaged: (path: string, staged: StagedObject) => void,
): Promise<void> {
  const total = files.reduce((sum, { entry }) => sum + entry.bytes, 0);
  let done = 0;
  for (const file of files) {
    const { uri, entry } = file;
    const counted = counting(stores.of(uri).stream(uri), (bytes) => {
      done += bytes;
      onBytes(Math.min(done, total), total);
    });
    const wrong = () => corrupt("DigestMismatch", `${uri}: its bytes do not have the digest that its store gives`);
    const staged = await objects.putStream(
      counted,
      entry.digest === undefined ? undefined : { digest: entry.digest, wrong },
    );
    const after = await stores.of(uri).stat(uri);
    // What moved while it was read is read again when the listing is compared.
    if (after?.version === entry.version) await notes.note(nameOf(file), staged);
    onStaged(file.path, staged);
  }
}
