/**
 * Which files of an artifact store are ours, by the names that `storeLayout` gives and those that manifests and journals of
 * writers name. All others are somebody else's, whatever directory they lie in.
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
  /^(prepared\/[0-9a-f]{64}\/manifest\.json|runs\/[0-9a-f]{64}\/(pins\.json|report\.json|metrics\.jsonl|epochs\/epoch-[0-9]+))$/;

/** What is on its way to be an object or a file. */
export const isUnfinished = (path: string) =>
  incoming.test(path) || isTemporaryName(path.slice(path.lastIndexOf("/") + 1));

/** A file of a run or a prepared input that stands by itself. */
export const isOwn = (path: string) => ownFile.test(path);

/** Files of a store's directories, by what their manifests and journals name. */
export class NamedFiles {
  /** Paths by whether their directory is one that is being written, or was. */
  readonly #named = new Map<string, { temporary: boolean }>();

  /** Of the directories in which a file is `old`. */
  static async read(
    stores: Stores,
    root: string,
    entries: readonly Entry[],
    old: readonly Entry[],
  ): Promise<NamedFiles> {
    const found = new NamedFiles();
    const oldOnes = new Set(old.map(({ path }) => parentOf(path)));
    const say = entries.filter(({ path }) =>
      [manifestFile, journalFile].includes(path.slice(path.lastIndexOf("/") + 1)),
    );
    const directories = new Set(say.map(({ path }) => parentOf(path)).filter((one) => /^runs\//.test(one)));
    for (const directory of directories) {
      if (![...oldOnes].some((one) => one === directory || one.startsWith(`${directory}/`))) continue;
      const temporary = isTemporaryDirectory(directory);
      const names = [...(await namesOf(stores, `${root}/${directory}`)), manifestFile, journalFile];
      for (const name of names) found.#named.set(`${directory}/${name}`, { temporary });
      // A commit that was cut short has placed some of these files already.
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
/** What a run refers to, as its pins or its report say it. */
export const withPins = z.union([pinned, z.looseObject({ pins: pinned }).transform(({ pins }) => pins)]);

/** A prepared input, a run, or notes of what was staged. */
const sign = z.union([
  z.looseObject({ kind: z.literal("prepared") }),
  withPins,
  z.record(z.string(), z.strictObject({ digest, bytes: z.int().min(0) })),
]);

/** Throws a failure for a directory that has files and none of an artifact store. */
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
    `${place}: holds files, and none that says it is an artifact store; name the directory of one namespace's artifacts: spec.artifacts.uri, a slash, the namespace`,
  );
}
