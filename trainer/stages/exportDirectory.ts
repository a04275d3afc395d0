/**
 * The directory of an export: its location, its manifest, and whether a destination that a person chose is free. A
 * destination is free when it is empty or holds this same export, intact or damaged. An export never replaces anything
 * else.
 */
import { z } from "zod";
import { exportEntry } from "../contract/exports.ts";
import { invalid } from "../contract/failure.ts";
import { canonicalExport } from "../contract/hashes.ts";
import type { ExportFigures } from "../contract/report.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { cutShort, fileList, readManifest } from "../stores/directory.ts";
import { manifestFile } from "../stores/store.ts";
import type { Stores } from "../stores/stores.ts";
import type { PinnedExport } from "./exportOrigin.ts";

const exportManifest = z.strictObject({
  kind: z.literal("export"),
  version: z.literal(1),
  runHash: z.string(),
  adapterDigest: z.string(),
  baseDigest: z.string(),
  export: exportEntry,
  verification: z.strictObject({
    prompts: z.int(),
    maxLogitDifference: z.number(),
    klDivergence: z.number(),
    largestLogit: z.number(),
  }),
  files: fileList,
});

/** The location of an export: its destination, or below its run. */
export function exportUri({ destination, artifactRoot, runHash, imported, export: entry }: ExportFile): string {
  if (destination !== undefined) return destination.replace(/\/+$/, "");
  const directory = imported ? storeLayout.imported : storeLayout.run;
  return storeLayout.export(directory(artifactRoot, runHash), entry);
}

/** The figures and files of an export of this adapter with these settings; undefined when it does not exist. */
export async function finishedExport(file: PinnedExport, stores: Stores) {
  const found = await readManifest(stores, exportUri(file), exportManifest);
  if (!found || !isOf(file, found.manifest)) return undefined;
  const { files, verification } = found.manifest;
  const figures: ExportFigures = {
    name: file.export.name,
    digest: found.digest,
    sizeBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    shards: files.filter(({ path }) => /\.(safetensors|gguf)$/.test(path)).length,
    maxLogitDifference: verification.maxLogitDifference,
    klDivergence: verification.klDivergence,
  };
  return { result: { figures, reportDigest: found.digest }, files };
}

const isOf = (file: PinnedExport, manifest: z.infer<typeof exportManifest>) =>
  manifest.adapterDigest === file.adapterDigest &&
  manifest.baseDigest === file.baseDigest &&
  canonicalExport(manifest.export) === canonicalExport(file.export);

export interface DestinationOptions {
  /** Its name in messages. */
  place?: string;
  /** The export's files, once known: none of them may replace another program's file. */
  names?: readonly string[];
}

/** Throws a failure when the destination of an export holds something else. Below its run it is always free. */
export async function requireDestination(
  file: PinnedExport,
  stores: Stores,
  { place = exportUri(file), names = [] }: DestinationOptions = {},
): Promise<void> {
  if (file.destination === undefined) return;
  const uri = exportUri(file);
  const occupant = await stores.of(uri).occupant(uri);
  switch (occupant.kind) {
    case "nothing":
      return;
    case "file":
      throw inUse(`${place}: exists and is not a directory; name a new or an empty directory`);
    case "mountPoint":
      throw inUse(
        `${place}: is a mount point, which an export cannot be renamed to; name a directory in it, such as ${place}/model`,
      );
    case "directory": {
      const strangers = await strangersAt(file, stores, occupant.names, names);
      if (strangers.length > 0) throw inUse(`${place}: ${occupied(strangers)}; name a new or an empty directory`);
    }
  }
}

/** Names in the destination that do not belong to this export. */
async function strangersAt(file: PinnedExport, stores: Stores, present: readonly string[], names: readonly string[]) {
  const uri = exportUri(file);
  const known = await finishedExport(file, stores);
  if (known) {
    const own = new Set(known.files.map(({ path }) => path));
    const others = names.filter((name) => !own.has(name) && present.includes(topOf(name)));
    const there = await Promise.all(others.map(async (name) => (await stores.of(uri).occupant(`${uri}/${name}`)).kind));
    return others.filter((_, index) => there[index] !== "nothing");
  }
  // An export killed during its commit has no manifest yet.
  const begun = (await cutShort(stores, uri, exportManifest)).filter((manifest) => isOf(file, manifest));
  const own = new Set(begun.flatMap(({ files }) => [manifestFile, ...files.map(({ path }) => topOf(path))]));
  return present.filter((name) => !own.has(name));
}

const topOf = (name: string) => name.split("/")[0] ?? name;

const mostNames = 3;

function occupied(strangers: readonly string[]): string {
  const named = strangers.toSorted().slice(0, mostNames);
  const rest = strangers.length > named.length ? ", …" : "";
  return `holds files of something else (${named.join(", ")}${rest}), which an export never changes`;
}

const inUse = (message: string) => invalid("DestinationInUse", message);
