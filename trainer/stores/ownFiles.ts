/**
 * Decides which files of an artifact store belong to Luthier: those named by `storeLayout`, by manifests and by
 * writers' journals. All others belong to other programs, whatever their directory.
 */
import { z } from "zod";
import { digest } from "../contract/digest.ts";
import { invalid } from "../contract/failure.ts";
import { isTemporaryDirectory, journalFile, namesOf } from "./directory.ts";
import { isTemporaryName } from "./localStore.ts";
import { jsonOf } from "./sealed.ts";
import { type Entry, manifestFile } from "./store.ts";
import type { Stores } from "./stores.ts";

const uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const incoming = new RegExp(`^incoming/[0-9]{13}-${uuid}$`);
const ownFile =
  /^(prepared\/[0-9a-f]{64}\/manifest\.json|runs\/[0-9a-f]{64}\/(pins\.json|report\.json|metrics\.jsonl|events\.out\.tfevents\.0\.luthier|epochs\/epoch-[0-9]+))$/;

/** An object or a file that is being written. */
export const isUnfinished = (path: string) =>
  incoming.test(path) || isTemporaryName(path.slice(path.lastIndexOf("/") + 1));

/** A file of a run or a prepared input that no manifest lists. */
export const isOwn = (path: string) => ownFile.test(path);

/** Files of a store's directories that manifests and journals name. */
export class NamedFiles {
  /** For each path, whether its directory is a temporary one. */
  readonly #named = new Map<string, { temporary: boolean }>();

  /** Collects the directories in which a file is `old`. */
  static async read(
    stores: Stores,
    root: string,
    entries: readonly Entry[],
    old: readonly Entry[],
  ): Promise<NamedFiles> {
    const found = new NamedFiles();
    const oldOnes = new Set(old.map(({ path }) => parentOf(path)));
    const listings = entries.filter(({ path }) =>
      [manifestFile, journalFile].includes(path.slice(path.lastIndexOf("/") + 1)),
    );
    const directories = new Set(listings.map(({ path }) => parentOf(path)).filter((one) => /^runs\//.test(one)));
    for (const directory of directories) {
      if (![...oldOnes].some((one) => one === directory || one.startsWith(`${directory}/`))) continue;
      const temporary = isTemporaryDirectory(directory);
      const names = [...(await namesOf(stores, `${root}/${directory}`)), manifestFile, journalFile];
      for (const name of names) found.#named.set(`${directory}/${name}`, { temporary });
      // An interrupted commit may have placed some of these files already.
      const target = directory.replace(/\.tmp-[^/]+$/, "");
      if (temporary) for (const name of names) found.#named.set(`${target}/${name}`, { temporary: false });
    }
    return found;
  }

  has(path: string): boolean {
    return this.#named.has(path);
  }

  isLeftover(path: string): boolean {
    return this.#named.get(path)?.temporary === true;
  }
}

const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));

const pinned = z.looseObject({
  baseDigest: z.string(),
  datasetDigest: z.string(),
  evaluationSetDigest: z.string().optional(),
});
/** The files in which a run records its references: its pins or its report. */
export const withPins = z.union([pinned, z.looseObject({ pins: pinned }).transform(({ pins }) => pins)]);

/** A prepared input, a run, or a record of staged files. */
const sign = z.union([
  z.looseObject({ kind: z.literal("prepared") }),
  withPins,
  z.record(z.string(), z.strictObject({ digest, bytes: z.int().min(0) })),
]);

/** Throws a failure for a directory that has files, but none of an artifact store. */
export async function requireStore(
  { stores, root, place = root }: { stores: Stores; root: string; place?: string | undefined },
  entries: readonly Entry[],
): Promise<void> {
  const signs = entries.filter(({ path }) =>
    /^(prepared\/[0-9a-f]{64}\/manifest\.json|runs\/[0-9a-f]{64}\/(pins|report)\.json|staged\/[0-9a-f]{64}\.json)$/.test(
      path,
    ),
  );
  for (const { path } of signs) {
    const content = jsonOf(await stores.of(root).read(`${root}/${path}`));
    if (sign.safeParse(content).success) return;
  }
  if (entries.length === 0) return;
  throw invalid(
    "NotAStore",
    `${place}: is not an artifact store: it holds only other files; name the directory of one namespace's artifacts: spec.artifacts.uri, a slash, the namespace`,
  );
}
