/**
 * The files of a data set: a source names a file, a directory, or a pattern (patterns.ts). In a directory, the files with a data
 * file's ending are read; hidden ones and descriptions of data sets are not. The order is that of the paths, so that the same
 * files always give the same data set.
 */
import { editDistance } from "../contract/editDistance.ts";
import { type DataFile, type DatasetSettings, dataFile } from "../contract/effective.ts";
import { invalid } from "../contract/failure.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { dataName } from "../data/files/dataName.ts";
import type { PreparedManifest } from "../data/packed/manifests.ts";
import { requireRowsByName } from "../data/rows/foreignFormats.ts";
import { type Entry, MissingFileError, type Store } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";
import { hubFiles, type Split } from "./hubDataset.ts";
import { isPattern, patternOf, patternOr } from "./patterns.ts";

/** A file with its size and version. */
export interface FoundFile extends DataFile {
  readonly entry: Entry;
}

/** Training data, with their source's weight, or validation data. */
export type DatasetFile = FoundFile & { readonly use: { split: "train"; weight: number } | { split: "validation" } };

export interface Found<File = FoundFile> {
  readonly files: readonly File[];
  /** URIs in a source's directory that have no data file's ending. */
  readonly others: readonly string[];
}

/** The data files of a training. */
export interface InputFiles {
  readonly dataset: readonly DatasetFile[];
  readonly test: readonly FoundFile[];
}

const hidden = /(^|\/)[._]/;
/** Files that `datasets` writes beside the data. */
const description = /(^|\/)(dataset_infos?|dataset_dict|state)\.json$/;
/** A data set itself, not a path in it. */
const hubDataset = /^hf:\/\/datasets\/[^/]+\/[^/]+\/?$/;
const mostFiles = 10_000;

/** The files of the data set and of the test set, and those beside them that are not read. */
export async function inputFiles(
  settings: DatasetSettings,
  evaluation: TrainingSpec["evaluation"],
  stores: Stores,
): Promise<InputFiles & { readonly others: readonly string[] }> {
  const dataset = await datasetFiles(settings, stores);
  const test = evaluation ? await filesOf(dataFile(evaluation.test), stores, "test") : { files: [], others: [] };
  return { dataset: dataset.files, test: test.files, others: [...dataset.others, ...test.others] };
}

/** Their names, sizes and versions. */
export const listingOf = ({ dataset, test }: InputFiles): NonNullable<PreparedManifest["files"]> =>
  [...dataset, ...test].map(({ uri, entry: { bytes, version } }) => ({ uri, bytes, version }));

/** The files of the sources and of a separate validation set, in their order. */
export async function datasetFiles(settings: DatasetSettings, stores: Stores): Promise<Found<DatasetFile>> {
  const found: { files: DatasetFile[]; others: string[] } = { files: [], others: [] };
  const add = async (file: DataFile, use: DatasetFile["use"]) => {
    const { files, others } = await filesOf(file, stores, use.split);
    found.files.push(...files.map((one) => ({ ...one, use })));
    found.others.push(...others);
  };
  for (const { weight, ...file } of settings.sources) await add(file, { split: "train", weight });
  if (settings.validation.kind === "source") await add(settings.validation.file, { split: "validation" });
  return found;
}

/** Throws a failure for a URI without a data file. `usual`: the split of a data set of the hub where none is named. */
export async function filesOf(file: DataFile, stores: Stores, usual: Split): Promise<Found> {
  const { uri } = file;
  if (hubDataset.test(uri)) return await ofHub(file, stores, usual);
  if (isPattern(uri)) return await matching(file, stores);
  requireRowsByName(uri);
  const store = stores.of(uri);
  const entry = await store.stat(uri);
  if (entry) return { files: [{ ...file, entry }], others: [] };
  const entries = await store.list(uri);
  if (entries.length > 0) return inDirectory(file, entries);
  // Throws an error that names what is there instead.
  await store.read(uri, { start: 0, end: 0 }).catch(async (error: unknown) => {
    throw error instanceof MissingFileError ? new MissingFileError(uri, await namesNear(uri, store)) : error;
  });
  throw new MissingFileError(uri);
}

/** The names beside a missing file that are like its own; the first characters bound the listing. */
async function namesNear(uri: string, store: Store): Promise<string[]> {
  const [, directory = "", name = ""] = /^(.+)\/([^/]+)\/?$/.exec(uri) ?? [];
  if (!directory.includes("://") || directory.endsWith("/")) return [];
  const beside = await store.list(directory, name.slice(0, 2)).catch(() => []);
  const names = beside.map(({ path }) => path.split("/", 1)[0]!).filter((one) => !hidden.test(one));
  return nearestOf(name, [...new Set(names)]);
}

async function ofHub(file: DataFile, stores: Stores, usual: Split): Promise<Found> {
  const uri = file.uri.replace(/\/$/, "");
  const store = stores.of(uri);
  const entries = (await store.list(uri)).filter(({ path }) => !hidden.test(path) && !description.test(path));
  const data = entries.filter(({ path }) => dataName(path) !== undefined);
  const script = entries.find(({ path }) => /^[^/]+\.py$/.test(path));
  if (data.length === 0 && script) {
    throw invalid(
      "NoDataFiles",
      `${uri}: has no data files but a script (${script.path}), which is not run: convert the data set to Parquet first`,
    );
  }
  if (data.length === 0) {
    const [first] = entries.filter(({ path }) => !path.endsWith(".md"));
    throw invalid(
      "NoDataFiles",
      `${uri}: has no file of JSON, CSV, TSV or Parquet${first ? `, but ${first.path}` : ""}: name another data set, or convert its files`,
    );
  }
  const isDescribed = (await store.stat(`${uri}/README.md`)) !== undefined;
  const readme = isDescribed ? Buffer.from(await store.read(`${uri}/README.md`)).toString("utf8") : undefined;
  const { split, configuration } = file;
  const paths = new Set(
    hubFiles(
      data.map(({ path }) => path),
      readme,
      { uri, split, configuration, usual },
    ),
  );
  return {
    files: located(
      file,
      uri,
      data.filter(({ path }) => paths.has(path)),
    ),
    others: [],
  };
}

function inDirectory(file: DataFile, entries: readonly Entry[]): Found {
  const seen = entries.filter(({ path }) => !hidden.test(path) && !description.test(path));
  const files = seen.filter(({ path }) => dataName(path) !== undefined);
  const others = seen.filter((entry) => !files.includes(entry)).map(({ path }) => below(file.uri, path));
  if (files.length > 0) return { files: located(file, file.uri, files), others };
  throw invalid(
    "NoDataFiles",
    `${file.uri}: is a directory without data files (.jsonl, .json, .csv, .tsv, .parquet, also with .gz or .zst)${others.length > 0 ? `, but with ${others[0]}` : ""}; name a file or another directory`,
  );
}

async function matching(file: DataFile, stores: Stores): Promise<Found> {
  const { uri } = file;
  const parts = uri.split("/");
  const first = parts.findIndex(isPattern);
  const directory = parts.slice(0, first).join("/");
  const written = parts.slice(first).join("/");
  const glob = uri.startsWith("file:") ? unescaped(written) : written;
  const pattern = patternOr(glob, (reason) => invalid("PatternInvalid", `${uri}: ${reason}`));
  const store = stores.of(directory);
  const entries = (await store.list(directory, beginningOf(glob))).filter(({ path }) => pattern.test(path));
  if (entries.length === 0) throw matchesNothing(uri, glob, directory, await store.list(directory));
  for (const { path } of entries) requireRowsByName(below(directory, path));
  return { files: located(file, directory, entries), others: [] };
}

/** The characters that every match begins with, so that a store lists no other files. */
const beginningOf = (glob: string) => /^[^*?[{]*/.exec(glob)?.[0] ?? "";

/** Names that the failure of a pattern shows. */
const shownNames = 3;
/** Names that are compared with a pattern. */
const comparedNames = 2000;

function matchesNothing(uri: string, glob: string, directory: string, entries: readonly Entry[]): Error {
  const paths = entries.map(({ path }) => path).filter((path) => !hidden.test(path));
  if (paths.length === 0) return invalid("NoDataFiles", `${uri}: matches no file: there is none below ${directory}`);
  const inside = patternOf(`${glob}/**`);
  if (paths.some((path) => inside.test(path))) {
    return invalid("NoDataFiles", `${uri}: matches directories but no file: add /** to read the files in them`);
  }
  const near = nearestOf(glob, paths.slice(0, comparedNames));
  const names = (near.length > 0 ? near : paths).slice(0, shownNames).map((path) => below(directory, path));
  return invalid(
    "NoDataFiles",
    `${uri}: matches none of the ${paths.length} files below ${directory}, such as ${names.join(", ")}: change the pattern`,
  );
}

/** The nearest names first; none for names of other kinds. */
function nearestOf(name: string, names: readonly string[]): string[] {
  const literal = name.replaceAll("*", "").length;
  const most = literal < name.length ? literal / 2 : Math.max(3, name.length / 2);
  const ranked = names
    .map((one) => ({ one, distance: editDistance(name, one, "*") }))
    .sort((a, b) => a.distance - b.distance);
  return ranked
    .filter(({ distance }) => distance <= most)
    .slice(0, shownNames)
    .map(({ one }) => one);
}

function located(file: DataFile, directory: string, entries: readonly Entry[]): FoundFile[] {
  if (entries.length > mostFiles) {
    throw invalid("TooManyFiles", `${file.uri}: has ${entries.length} data files, more than ${mostFiles}: join them`);
  }
  return entries.map((entry) => ({ ...file, uri: below(directory, entry.path), entry }));
}

function below(directory: string, path: string): string {
  // A URI with the scheme file:// is a URL, in which these characters would not be those of the path.
  const written = directory.startsWith("file:") ? path.replaceAll(/[%#?]/g, encodeURIComponent) : path;
  return `${directory.replace(/\/+$/, "")}/${written}`;
}

/** The text of a URL's part; one that is not escaped stays. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
