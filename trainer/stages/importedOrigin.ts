/**
 * An adapter that was trained elsewhere, in PEFT's or AdapterHub's layout, and its base: read where they are, checked against each
 * other, and known by content. Headers and configurations are checked before any weight is fetched.
 */

import { corrupt, invalid } from "../contract/failure.ts";
import { givenSourcesOf } from "../contract/methods/index.ts";
import type { ExportFile, Foreign } from "../contract/runFile.ts";
import { methodOf, methodToRun } from "../methods/index.ts";
import { digestOf } from "../stores/digest.ts";
import type { FileList } from "../stores/directory.ts";
import type { Stores } from "../stores/stores.ts";
import { declaredWith, requireFit } from "../weights/adapterFit.ts";
import { type PeftAdapter, readPeftAdapter } from "../weights/adapterSource.ts";
import { fetchedModel, modelDigest } from "../weights/foreignModel.ts";
import { withGiven } from "../weights/givenAdapters.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { adapterConfigFile, weightsFileOf } from "../weights/peftConfig.ts";
import { requireRepeated } from "../weights/repeatedTensors.ts";
import { StoredModel } from "../weights/storedModel.ts";
import { tensorsOf } from "../weights/verifiedBase.ts";
import { type ExportOrigin, type OnBytes, refuseImpossible } from "./exportOrigin.ts";

type Imported = NonNullable<ExportFile["imported"]>;

export async function importedOrigin(
  file: ExportFile,
  { adapter: adapterAt, base: baseAt }: Imported,
  stores: Stores,
  onBytes: OnBytes,
): Promise<ExportOrigin> {
  const adapter = await foreignAdapter(stores, adapterAt);
  const { uri } = await stores.pinned(baseAt.uri, baseAt.revision);
  const remote = await StoredModel.inDirectory(stores, uri);
  await requireAdapterOf(remote, adapter.read);
  const model = await fetchedModel(stores, remote, onBytes);
  const baseDigest = await modelDigest(stores, model, onBytes);
  requireDigest("the base model", baseAt, baseDigest);
  await requireRepeated(tensorsOf(model, await model.tensors()), adapter.read);
  const { settings, tensors, given } = adapter.read;
  const pinned = { ...file, adapterDigest: adapter.digest, baseDigest };
  return {
    file: pinned,
    async source(wanted) {
      refuseImpossible(settings, wanted, file);
      if ("base" in wanted && wanted.base === "Dequantized")
        throw invalid(
          "BaseNotQuantized",
          `export ${file.export.name}: ${wanted.kind}.base is for trainings of Luthier; an imported adapter is merged into the base that is named: remove ${wanted.kind}.base`,
        );
      const manifest = { baseDigest, baseUri: baseAt.uri, method: settings, files: adapter.files };
      return {
        base: await MergeBase.of(model),
        adapter: { uri: adapter.uri, manifest, tensors, ...(given && { given }) },
        method: methodOf(methodToRun(settings)),
      };
    },
  };
}

interface ForeignAdapter {
  readonly uri: string;
  readonly read: PeftAdapter;
  readonly files: FileList;
  /** The digest of the list of its files. */
  readonly digest: string;
}

/** Reads the adapter. Throws a failure if there is no adapter, or if its content has another digest than the expected one. */
async function foreignAdapter(stores: Stores, at: Foreign): Promise<ForeignAdapter> {
  const pinned = await stores.pinned(at.uri, at.revision);
  const uri = pinned.uri.replace(/\/+$/, "");
  const read = await readPeftAdapter(stores, uri);
  if (!read)
    throw invalid("AdapterMissing", `${at.uri}: holds no adapter (${adapterConfigFile} is missing): correct the URI`);
  const files: FileList = [];
  for (const path of namesOf(read)) {
    const bytes = await stores.of(uri).read(`${uri}/${path}`);
    files.push({ path, digest: digestOf(bytes), bytes: bytes.length });
  }
  const digest = digestOf(Buffer.from(JSON.stringify(files)));
  requireDigest("the adapter", at, digest);
  return { uri, read, files, digest };
}

/** The files of an adapter and of those that it mixes. */
function namesOf({ settings, given = [] }: PeftAdapter): string[] {
  const mixed = given.slice(0, givenSourcesOf(settings).length);
  const below = mixed.flatMap((one, index) => namesOf(one).map((name) => `${index}/${name}`));
  return [adapterConfigFile, weightsFileOf(settings), ...below].sort();
}

function requireDigest(what: string, { uri, digest }: Foreign, found: string): void {
  if (digest === undefined || digest === found) return;
  throw corrupt(
    "DigestMismatch",
    `${uri}: ${what} has the digest ${found}, expected ${digest}: it is another one, or was changed`,
  );
}

/** Throws a failure if the adapter's tensors are not those of this model's layers. */
async function requireAdapterOf(model: StoredModel, adapter: PeftAdapter): Promise<void> {
  const storage = await model.storage();
  if (adapter.plainRefusal !== undefined && storage.linear !== "NF4")
    throw invalid("AdapterUnsupported", adapter.plainRefusal);
  const { config } = await withGiven(model, adapter);
  requireFit(declaredWith(adapter.settings, config).parameters, adapter.tensors);
}
