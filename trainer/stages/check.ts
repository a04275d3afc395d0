/**
 * Check: whether the data moved since prepare read them. It lists the files of the sources, of the validation data and of the
 * test set, and compares names, sizes and versions with those that prepare recorded. It reads and writes nothing else.
 */
import { effectiveDataset } from "../contract/effective.ts";
import type { CheckFigures } from "../contract/report.ts";
import type { CheckFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { type PreparedManifest, preparedManifest } from "../data/packed/manifests.ts";
import { jsonOf } from "../stores/sealed.ts";
import type { Stores } from "../stores/stores.ts";
import { classified } from "./classify.ts";
import type { StageContext } from "./context.ts";
import { inputFiles, listingOf } from "./dataFiles.ts";

type Listing = NonNullable<PreparedManifest["files"]>;

export async function runCheck(file: CheckFile, { stores, log }: StageContext): Promise<CheckFigures> {
  return await classified(async () => {
    const { prepareKey, dataset, evaluation, artifactRoot } = file;
    const settings = effectiveDataset(dataset, "Examples");
    const now = listingOf(await inputFiles(settings, evaluation, stores));
    const before = await recorded(stores, `${storeLayout.prepared(artifactRoot, prepareKey)}/manifest.json`);
    if (!before) log("the files that prepare read are not recorded: the data count as changed");
    return { prepareKey, ...difference(before, now) };
  });
}

/** The files that prepare read; undefined if they are not recorded. */
async function recorded(stores: Stores, uri: string): Promise<Listing | undefined> {
  const store = stores.of(uri);
  if (!(await store.stat(uri))) return undefined;
  const parsed = preparedManifest.safeParse(jsonOf(await store.read(uri)));
  return parsed.success ? parsed.data.files : undefined;
}

/** Compares two listings; a file that several sources name counts once. Pure. */
export function difference(before: Listing | undefined, now: Listing): Omit<CheckFigures, "prepareKey"> {
  const is = byUri(now);
  const all = { files: is.size, bytes: bytesOf(is) };
  if (before === undefined) return { changed: true, ...all };
  const was = byUri(before);
  const added = [...is.keys()].filter((uri) => !was.has(uri)).length;
  const removed = [...was.keys()].filter((uri) => !is.has(uri)).length;
  const modified = [...is].filter(([uri, file]) => {
    const earlier = was.get(uri);
    return earlier !== undefined && (earlier.bytes !== file.bytes || earlier.version !== file.version);
  }).length;
  return {
    changed: added + removed + modified > 0,
    ...all,
    before: { bytes: bytesOf(was), added, removed, modified },
  };
}

const byUri = (listing: Listing) => new Map(listing.map((file) => [file.uri, file]));

const bytesOf = (files: ReadonlyMap<string, Listing[number]>) =>
  [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
