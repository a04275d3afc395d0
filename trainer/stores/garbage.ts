/**
 * Garbage in an artifact store (`<artifacts.uri>/<namespace>`): objects that neither a prepared input nor a run refers
 * to, and leftovers of killed writers. With `live`, from a cluster, also runs and prepared inputs that no FineTuneJob,
 * FineTuneRun or Adapter names. Recent files are skipped, because a stage refers to its objects only after staging
 * them.
 *
 * Nothing is guessed: if a run does not list what it needs, no object is garbage. Other programs' files are never
 * garbage: a directory without artifacts is refused, and in a store only files named by this release's layout, by a
 * manifest or by a writer's journal are considered.
 */
import { Objects } from "./objects.ts";
import { isOwn, isUnfinished, NamedFiles, requireStore, withPins } from "./ownFiles.ts";
import { jsonOf } from "./sealed.ts";
import type { Entry } from "./store.ts";
import type { Stores } from "./stores.ts";

/** The runs and inputs that a cluster's objects name. */
export interface Live {
  runHashes: ReadonlySet<string>;
  prepareKeys: ReadonlySet<string>;
  /** Digests of pins. */
  digests: ReadonlySet<string>;
}

export interface Garbage {
  /** Relative to the store's root. */
  path: string;
  bytes: number;
  reason:
    | "an object that nothing refers to"
    | "a run that nothing names"
    | "an input that nothing names"
    | "unfinished";
}

export interface GarbageOptions {
  stores: Stores;
  /** `<artifacts.uri>/<namespace>`. */
  root: string;
  /** Its name in messages; default: `root`. */
  place?: string;
  /** Files that changed after this are kept; in milliseconds. */
  before: number;
  /** Called on each search for garbage, after the store is listed. */
  live?: (() => Promise<Live>) | undefined;
}

export interface FoundGarbage {
  garbage: Garbage[];
  /** Files in the store; none when it does not exist. */
  files: number;
  /** A run that does not list what it needs; if there is one, no object is garbage. */
  unknownRun: string | undefined;
}

export async function findGarbage(options: GarbageOptions): Promise<FoundGarbage> {
  const { stores, root, before } = options;
  const entries = await stores.of(root).list(root, "", { unfinished: true });
  await requireStore(options, entries);
  const live = await options.live?.();
  const groups = groupsOf(entries);
  const isLive = { runs: live?.runHashes, prepared: live?.prepareKeys };
  const dead = [...groups.values()].filter(
    ({ kind, name, newest }) => newest < before && isLive[kind]?.has(name) === false,
  );
  const kept = [...groups.values()].filter((group) => !dead.includes(group));
  const references = new References(options);
  for (const digest of live?.digests ?? []) await references.add(digest);
  let unknownRun: string | undefined;
  for (const group of kept) if (!(await references.addOf(group))) unknownRun = group.name;
  const old = entries.filter(({ modifiedAt }) => modifiedAt > 0 && modifiedAt < before);
  const deadFiles = new Map(dead.flatMap((group) => group.files.map((file) => [file, group.kind] as const)));
  const named = await NamedFiles.read(stores, root, entries, old);
  const garbage = old.flatMap(({ path, bytes }): Garbage[] => {
    if (isUnfinished(path) || named.isLeftover(path)) return [{ path, bytes, reason: "unfinished" }];
    const kind = deadFiles.get(path);
    if (kind !== undefined && (isOwn(path) || named.has(path))) return [{ path, bytes, reason: deadReasons[kind] }];
    const digest = objectDigest(path);
    const isNeeded = digest === undefined || unknownRun !== undefined || references.has(digest);
    return isNeeded ? [] : [{ path, bytes, reason: "an object that nothing refers to" }];
  });
  return { garbage, files: entries.length, unknownRun };
}

/**
 * Removes the garbage that is still garbage, and calls `onRemoved` for each item. It reads the store and the cluster
 * again, so anything referred to since then stays.
 */
export async function removeGarbage(
  options: GarbageOptions,
  found: readonly Garbage[],
  onRemoved: (one: Garbage) => void,
): Promise<void> {
  const { stores, root } = options;
  const still = new Set((await findGarbage(options)).garbage.map(({ path }) => path));
  // A manifest is removed before its files, so that a partial directory never looks complete.
  const order = (path: string) => (path.endsWith("/manifest.json") ? 0 : 1);
  for (const one of found.toSorted((a, b) => order(a.path) - order(b.path))) {
    if (!still.has(one.path)) continue;
    await stores.of(root).remove(`${root}/${one.path}`);
    onRemoved(one);
  }
}

interface Group {
  kind: "runs" | "prepared";
  /** Its hash or key. */
  name: string;
  files: string[];
  newest: number;
}

const deadReasons = { runs: "a run that nothing names", prepared: "an input that nothing names" } as const;

function groupsOf(entries: readonly Entry[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { path, modifiedAt } of entries) {
    const [, kind, name = ""] = /^(runs|prepared)\/([0-9a-f]{64})\//.exec(path) ?? [];
    if (kind !== "runs" && kind !== "prepared") continue;
    const group = groups.get(`${kind}/${name}`) ?? { kind, name, files: [], newest: 0 };
    group.files.push(path);
    group.newest = Math.max(group.newest, modifiedAt);
    groups.set(`${kind}/${name}`, group);
  }
  return groups;
}

const objectDigest = (path: string) => {
  const [, hex] = /^objects\/([0-9a-f]{64})$/.exec(path) ?? [];
  return hex === undefined ? undefined : `sha256:${hex}`;
};

const digestsIn = (text: string) => text.match(/sha256:[0-9a-f]{64}/g) ?? [];

/** Referenced digests, followed through the manifests that pins name. */
class References {
  readonly #options: GarbageOptions;
  readonly #objects: Objects;
  readonly #found = new Set<string>();

  constructor(options: GarbageOptions) {
    this.#options = options;
    this.#objects = new Objects(options.stores, options.root);
  }

  has(digest: string): boolean {
    return this.#found.has(digest);
  }

  /** Adds a pin: the manifest it names, the files that lists, and the original of a quantised base. */
  async add(digest: string): Promise<void> {
    if (this.#found.has(digest)) return;
    this.#found.add(digest);
    const bytes = await this.#objects.read(digest).catch(() => undefined);
    if (bytes === undefined) return;
    const { original } = Object(jsonOf(bytes));
    for (const one of digestsIn(Buffer.from(bytes).toString("utf8"))) if (one !== original) this.#found.add(one);
    if (typeof original === "string") await this.add(original);
  }

  /** Adds the references of a run or a prepared input; false when it does not list them. */
  async addOf({ kind, name, files }: Group): Promise<boolean> {
    if (kind === "prepared") {
      for (const digest of digestsIn(await this.#text(`prepared/${name}/manifest.json`))) this.#found.add(digest);
      return true;
    }
    const listing = ["pins.json", "report.json"]
      .map((file) => `runs/${name}/${file}`)
      .find((file) => files.includes(file));
    const parsed = withPins.safeParse(listing && jsonOf(Buffer.from(await this.#text(listing))));
    if (!parsed.success) return false;
    const { baseDigest, datasetDigest, evaluationSetDigest } = parsed.data;
    for (const digest of [baseDigest, datasetDigest, evaluationSetDigest]) if (digest) await this.add(digest);
    return true;
  }

  async #text(path: string): Promise<string> {
    const { stores, root } = this.#options;
    return Buffer.from(await stores.of(root).read(`${root}/${path}`)).toString("utf8");
  }
}
