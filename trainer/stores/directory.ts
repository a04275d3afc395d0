/**
 * A directory with a manifest that lists its files by digest. It exists once its manifest is present and every file has
 * its digest. Each writer uses its own temporary name and commits the directory as a whole, so two writers never mix.
 *
 * Only files named by a Luthier manifest or by the journal of a killed writer are removed: a writer records each file
 * of its temporary directory in the journal before it writes it. Other programs' files stay, wherever they are.
 */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { digest } from "../contract/digest.ts";
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, StageFailure } from "../contract/failure.ts";
import { compared, digestOf } from "./digest.ts";
import { localCopy } from "./localCopy.ts";
import { temporaryPrefix } from "./localStore.ts";
import { jsonOf, sealed, unsealed } from "./sealed.ts";
import { MissingFileError, manifestFile } from "./store.ts";
import type { Stores } from "./stores.ts";

/** A path below a directory, even after conversion to a URL. */
const filePath = z
  .string()
  .max(255)
  .refine((path) => path.split("/").every((part) => part !== "" && !/^(\.|%2e){1,2}$/i.test(part)), "climbs");

export const fileList = z.array(
  z.strictObject({
    path: filePath,
    digest,
    bytes: z.int().min(0),
  }),
);
export type FileList = z.infer<typeof fileList>;

/** Maximum time to write a directory, in milliseconds; an older temporary directory belongs to a killed process. */
const longestWrite = 6 * 3_600_000;

/** The journal of a directory that is being written: the names of its files so far. */
export const journalFile = `${temporaryPrefix}journal`;

/** The suffix of a temporary directory: its start time and a unique part. */
const temporarySuffix = /^\.tmp-([0-9]{13})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\/|$)/;

/** Whether a path's last part is the name of a writer's temporary directory. */
export const isTemporaryDirectory = (path: string) =>
  /[^/](\.tmp-[^/]+)$/.test(path) && temporarySuffix.test(path.slice(path.lastIndexOf(".tmp-")));

/** Collects files for a directory. */
export class DirectoryWriter {
  readonly #stores: Stores;
  readonly #uri: string;
  readonly #temporary: string;
  readonly #files: FileList = [];
  /** Entries of the journal. */
  readonly #announced: string[] = [];
  readonly #alone: boolean;

  private constructor(stores: Stores, uri: string, alone: boolean) {
    this.#stores = stores;
    this.#uri = uri;
    this.#alone = alone;
    this.#temporary = `${uri}.tmp-${Date.now()}-${randomUUID()}`;
  }

  /**
   * Starts a directory and removes the leftovers of killed writers: those too old to belong to a live writer, or all of
   * them when the caller is `alone`, the holder of the run's writer epoch. A writer killed during its commit leaves its
   * temporary directory until the next commit, because that lists the files already placed in the target.
   */
  static async begin(stores: Stores, uri: string, { alone = false } = {}): Promise<DirectoryWriter> {
    await removeLeftovers(stores, uri, { alone, complete: alone });
    return new DirectoryWriter(stores, uri, alone);
  }

  async write(path: string, content: Uint8Array): Promise<void> {
    await this.#announce(path);
    await this.#stores.of(this.#uri).write(`${this.#temporary}/${path}`, content);
    this.#files.push({ path, digest: digestOf(content), bytes: content.length });
  }

  /** Writes a file in chunks, so it need not fit into memory. */
  async writeChunks(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const hash = createHash("sha256");
    let bytes = 0;
    async function* hashed() {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    }
    await this.#announce(path);
    await this.#stores.of(this.#uri).write(`${this.#temporary}/${path}`, hashed());
    this.#files.push({ path, digest: `sha256:${hash.digest("hex")}`, bytes });
  }

  /** The location of the files before the commit, for reading them back. */
  get temporaryUri(): string {
    return this.#temporary;
  }

  /** The files written so far, by digest. */
  get files(): FileList {
    return this.#files;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Writes the manifest last, and commits the directory. Returns the manifest's digest. */
  async commit(facts: Readonly<Record<string, unknown>>, beforeCommit: () => Promise<void>): Promise<string> {
    const files = this.#files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    const manifest = Buffer.from(`${JSON.stringify(sealed({ ...facts, files }), null, 1)}\n`);
    const store = this.#stores.of(this.#uri);
    await store.write(`${this.#temporary}/${manifestFile}`, manifest);
    await beforeCommit();
    for (const { path, bytes } of files) {
      const written = await store.stat(`${this.#temporary}/${path}`);
      if (written?.bytes !== bytes) throw lost(this.#uri, path);
    }
    await store.remove(`${this.#temporary}/${journalFile}`);
    const replaced = await namesOf(this.#stores, this.#uri);
    const names = [...files.map(({ path }) => path), manifestFile];
    await store.commitDirectory(this.#temporary, this.#uri, { files: names, replaced });
    if (!this.#alone) await removeLeftovers(this.#stores, this.#uri, { alone: false, complete: true });
    return digestOf(manifest);
  }

  /** Removes the files written so far. */
  async discard(): Promise<void> {
    const names = [...this.#announced, manifestFile, journalFile];
    await this.#stores.of(this.#uri).removeFiles(this.#temporary, names);
  }

  async #announce(path: string): Promise<void> {
    this.#announced.push(filePath.parse(path));
    const journal = Buffer.from(JSON.stringify(this.#announced));
    await this.#stores.of(this.#uri).write(`${this.#temporary}/${journalFile}`, journal);
  }
}

/** Names of a directory's files, from its manifest (of any schema) or its journal. */
export async function namesOf(stores: Stores, uri: string): Promise<string[]> {
  const manifest = await readManifest(stores, uri, z.looseObject({ files: fileList }));
  if (manifest) return manifest.manifest.files.map(({ path }) => path);
  const journal = `${uri}/${journalFile}`;
  if (!(await stores.of(uri).stat(journal))) return [];
  return z.array(filePath).safeParse(jsonOf(await stores.of(uri).read(journal))).data ?? [];
}

/**
 * Removes the files of a directory that its manifest, its journal or `known` names; other files stay. The manifest is
 * removed first, so that a partial directory never looks complete.
 */
export async function removeDirectory(stores: Stores, uri: string, known: readonly string[] = []): Promise<void> {
  const names = [...(await namesOf(stores, uri)), ...known];
  await stores.of(uri).remove(`${uri}/${manifestFile}`);
  await stores.of(uri).removeFiles(uri, [...new Set(names), journalFile]);
}

interface Leftover {
  uri: string;
  /** In milliseconds. */
  begun: number;
  /** It has its manifest: its writer was killed during the commit. */
  complete: boolean;
}

/** The temporary directories of `uri`. */
async function leftoversOf(stores: Stores, uri: string): Promise<Leftover[]> {
  const [parent, name] = [uri.slice(0, uri.lastIndexOf("/")), uri.slice(uri.lastIndexOf("/") + 1)];
  const found = new Map<string, Leftover>();
  for (const { path } of await stores.of(uri).list(parent, `${name}.tmp-`, { unfinished: true })) {
    const [suffix, begun] = (path.startsWith(name) && temporarySuffix.exec(path.slice(name.length))) || [];
    if (suffix === undefined) continue;
    const complete = found.get(suffix)?.complete === true || path === `${name}${suffix}/${manifestFile}`;
    found.set(suffix, { uri: `${uri}${suffix}`, begun: Number(begun), complete });
  }
  return [...found.values()];
}

/** Removes those too old to belong to a live writer, or all when there is no other writer. */
async function removeLeftovers(
  stores: Stores,
  uri: string,
  { alone, complete }: { alone: boolean; complete: boolean },
): Promise<void> {
  const before = alone ? Number.POSITIVE_INFINITY : Date.now() - longestWrite;
  for (const one of await leftoversOf(stores, uri)) {
    if (one.begun < before && (complete || !one.complete)) await removeDirectory(stores, one.uri);
  }
}

/** Manifests of this schema whose commit to `uri` was interrupted and may have placed some files. */
export async function cutShort<T>(stores: Stores, uri: string, schema: z.ZodType<T>): Promise<T[]> {
  const found: T[] = [];
  for (const one of await leftoversOf(stores, uri)) {
    const read = one.complete ? await readManifest(stores, one.uri, schema) : undefined;
    if (read) found.push(read.manifest);
  }
  return found;
}

const lost = (uri: string, path: string) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "WriteLost",
    `${uri}/${path}: was removed or truncated by another process while it was being written; run it again`,
  );

export interface OpenDirectory<T> {
  manifest: T;
  /** The manifest's digest, which covers every byte of the directory. */
  digest: string;
}

/** Reads a directory's manifest; undefined when it is missing or does not match `schema`. Reads no other file. */
export async function readManifest<T>(
  stores: Stores,
  uri: string,
  schema: z.ZodType<T>,
): Promise<OpenDirectory<T> | undefined> {
  const store = stores.of(uri);
  if (!(await store.stat(`${uri}/${manifestFile}`))) return undefined;
  const bytes = await store.read(`${uri}/${manifestFile}`);
  const parsed = schema.safeParse(unsealed(jsonOf(bytes)));
  return parsed.success ? { manifest: parsed.data, digest: digestOf(bytes) } : undefined;
}

/** Reads a file of a directory and checks its digest. Throws a failure when it is missing or changed. */
export async function readListed(stores: Stores, uri: string, files: FileList, path: string): Promise<Uint8Array> {
  const { digest } = listed(uri, files, path);
  const bytes = await stores.of(uri).read(`${uri}/${path}`);
  if (digestOf(bytes) !== digest) throw altered(uri, path);
  return bytes;
}

/** The URI of a local copy of a directory's file, with its digest checked. Throws as `readListed` does. */
export async function localListed(stores: Stores, uri: string, files: FileList, path: string): Promise<string> {
  const { digest } = listed(uri, files, path);
  return await localCopy(stores, { uri: `${uri}/${path}`, digest }, () => altered(uri, path));
}

/** Checks the digest of a directory's file in one pass; returns its size. Throws as `readListed` does. */
export async function verifyListed(stores: Stores, uri: string, files: FileList, path: string): Promise<number> {
  const { digest, bytes } = listed(uri, files, path);
  const chunks = compared(stores.of(uri).stream(`${uri}/${path}`), digest, () => altered(uri, path));
  for await (const _ of chunks);
  return bytes;
}

/** The failure of the first missing or changed file of a directory; undefined when all files are intact. */
export async function damageOf(stores: Stores, uri: string, files: FileList): Promise<string | undefined> {
  for (const { path } of files) {
    try {
      await verifyListed(stores, uri, files, path);
    } catch (error) {
      const isDamage = error instanceof StageFailure && error.code === exitCode.inputCorrupt;
      if (isDamage || error instanceof MissingFileError) return error.message;
      throw error;
    }
  }
  return undefined;
}

function listed(uri: string, files: FileList, path: string) {
  const file = files.find((entry) => entry.path === path);
  if (!file) throw corrupt("FileMissing", `${uri}: its manifest names no ${path}`);
  return file;
}

const altered = (uri: string, path: string) =>
  corrupt("FileCorrupt", `${uri}/${path}: does not have the digest that its manifest names`);
