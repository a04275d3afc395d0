/**
 * A directory with a manifest: its files by digest. It exists when its manifest is there and every file has its digest,
 * and not before. Written under a temporary name of the writer's own and committed whole: two writers do not mix.
 */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { digest } from "../contract/digest.ts";
import { exitCode } from "../contract/exitCodes.ts";
import { corrupt, StageFailure } from "../contract/failure.ts";
import { compared, digestOf } from "./digest.ts";
import { localCopy } from "./localCopy.ts";
import { jsonOf, sealed, unsealed } from "./sealed.ts";
import { MissingFileError } from "./store.ts";
import type { Stores } from "./stores.ts";

export const manifestFile = "manifest.json";

export const fileList = z.array(
  z.strictObject({
    path: z.string().max(255),
    digest,
    bytes: z.int().min(0),
  }),
);
export type FileList = z.infer<typeof fileList>;

/** How long a directory may take to write, in milliseconds; what is older was left behind by a killed process. */
const longestWrite = 6 * 3_600_000;

/** What follows a directory's name in a temporary one: when it was begun, and a part that nobody else has. */
const temporarySuffix = /^\.tmp-([0-9]+)-[^/]+/;

/** Collects files for a directory. */
export class DirectoryWriter {
  readonly #stores: Stores;
  readonly #uri: string;
  readonly #temporary: string;
  readonly #files: FileList = [];

  private constructor(stores: Stores, uri: string) {
    this.#stores = stores;
    this.#uri = uri;
    this.#temporary = `${uri}.tmp-${Date.now()}-${randomUUID()}`;
  }

  /**
   * Begins anew, and removes what killed writers of this directory left behind: what is too old to be another's work, or
   * all of it when the caller is `alone`, the holder of the run's writer epoch.
   */
  static async begin(stores: Stores, uri: string, { alone = false } = {}): Promise<DirectoryWriter> {
    await removeLeftovers(stores, uri, alone ? Number.POSITIVE_INFINITY : Date.now() - longestWrite);
    return new DirectoryWriter(stores, uri);
  }

  async write(path: string, content: Uint8Array): Promise<void> {
    await this.#stores.of(this.#uri).write(`${this.#temporary}/${path}`, content);
    this.#files.push({ path, digest: digestOf(content), bytes: content.length });
  }

  /** Writes a file in chunks: it need not fit into memory. */
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
    await this.#stores.of(this.#uri).write(`${this.#temporary}/${path}`, hashed());
    this.#files.push({ path, digest: `sha256:${hash.digest("hex")}`, bytes });
  }

  /** Where the files are until the directory is committed: for reading them back. */
  get temporaryUri(): string {
    return this.#temporary;
  }

  /** What was written so far, by digest. */
  get files(): FileList {
    return this.#files;
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Writes the manifest, last, and lets the directory appear. Returns the manifest's digest. */
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
    await store.commitDirectory(this.#temporary, this.#uri);
    return digestOf(manifest);
  }

  /** Removes what was written so far. */
  async discard(): Promise<void> {
    await this.#stores.of(this.#uri).remove(this.#temporary);
  }
}

/** Removes the temporary directories of `uri` that were begun before a time, in milliseconds. */
async function removeLeftovers(stores: Stores, uri: string, before: number): Promise<void> {
  const store = stores.of(uri);
  const [parent, name] = [uri.slice(0, uri.lastIndexOf("/")), uri.slice(uri.lastIndexOf("/") + 1)];
  const leftovers = new Set<string>();
  for (const { path } of await store.list(parent, `${name}.tmp-`, { unfinished: true })) {
    const [suffix, begun] = (path.startsWith(name) && temporarySuffix.exec(path.slice(name.length))) || [];
    if (suffix !== undefined && Number(begun) < before) leftovers.add(suffix);
  }
  for (const suffix of leftovers) await store.remove(`${uri}${suffix}`);
}

const lost = (uri: string, path: string) =>
  new StageFailure(
    exitCode.storeUnreachable,
    "WriteLost",
    `${uri}/${path}: was removed or cut by someone else while it was being written`,
  );

export interface OpenDirectory<T> {
  manifest: T;
  /** Of the manifest: stands for every byte of the directory. */
  digest: string;
}

/** Reads a directory's manifest; undefined when there is none or it is not one of `schema`. Files are not read. */
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

/** A file of a directory, its digest checked. Throws a failure when it is absent or altered. */
export async function readListed(stores: Stores, uri: string, files: FileList, path: string): Promise<Uint8Array> {
  const { digest } = listed(uri, files, path);
  const bytes = await stores.of(uri).read(`${uri}/${path}`);
  if (digestOf(bytes) !== digest) throw altered(uri, path);
  return bytes;
}

/** A file of a directory as one of this machine, its digest checked: its URI. Throws as `readListed` does. */
export async function localListed(stores: Stores, uri: string, files: FileList, path: string): Promise<string> {
  const { digest } = listed(uri, files, path);
  return await localCopy(stores, { uri: `${uri}/${path}`, digest }, () => altered(uri, path));
}

/** Reads a file of a directory once and compares its digest; returns its size. Throws as `readListed` does. */
export async function verifyListed(stores: Stores, uri: string, files: FileList, path: string): Promise<number> {
  const { digest, bytes } = listed(uri, files, path);
  const chunks = compared(stores.of(uri).stream(`${uri}/${path}`), digest, () => altered(uri, path));
  for await (const _ of chunks);
  return bytes;
}

/** What is wrong with the files of a directory: the first that is absent or altered; undefined when it is whole. */
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
