/**
 * A store on a file system: `file://` and the mounted claims of `pvc://`.
 *
 * A write goes to a hidden sibling (`.luthier-tmp-…`), is synced and renamed into place; then the directory and its new
 * parents are synced. Listings skip such names, which a crash may leave behind. Only named files and empty directories
 * are removed.
 */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { codeOf, type Ground, isAbsent, isMountPoint, openFile, requireInside } from "./localGround.ts";
import {
  type ByteRange,
  type CommittedFiles,
  type Content,
  type Entry,
  type ListOptions,
  manifestFile,
  type Occupant,
  type Store,
} from "./store.ts";

/** Prefix of the names of incomplete files. */
export const temporaryPrefix = ".luthier-tmp-";

/** The name of an incomplete file, which only a Luthier writer uses. */
export const isTemporaryName = (name: string) => /^\.luthier-tmp-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);

export class LocalStore implements Store {
  readonly #pathOf: (uri: string) => string;
  readonly #rootOf: (uri: string) => string | undefined;

  /**
   * `pathOf` maps a URI of this store's scheme to an absolute path, `rootOf` to the directory that no link may leave;
   * undefined: links may lead anywhere.
   */
  constructor(pathOf: (uri: string) => string, rootOf: (uri: string) => string | undefined = () => undefined) {
    this.#pathOf = pathOf;
    this.#rootOf = rootOf;
  }

  async stat(uri: string): Promise<Entry | undefined> {
    const file = this.#pathOf(uri);
    return await entryAt(file, path.basename(file));
  }

  async read(uri: string, range?: ByteRange): Promise<Uint8Array> {
    const handle = await openFile(this.#ground(uri));
    try {
      const start = range?.start ?? 0;
      const end = range?.end ?? (await handle.stat()).size;
      return await readFully(handle, start, end, uri);
    } finally {
      await handle.close();
    }
  }

  async *stream(uri: string): AsyncIterable<Uint8Array> {
    const handle = await openFile(this.#ground(uri));
    yield* createReadStream("", { fd: handle, highWaterMark: 1 << 20 });
  }

  /** As `stream`, but in one reused buffer: a piece is valid until the next one is requested. */
  async *pieces(uri: string): AsyncIterable<Uint8Array> {
    const handle = await openFile(this.#ground(uri));
    try {
      const piece = new Uint8Array(1 << 20);
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, null);
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async list(uri: string, beginning = "", { unfinished = false }: ListOptions = {}): Promise<Entry[]> {
    const root = this.#pathOf(uri);
    // A message must not contain names in a directory outside the claim either.
    await requireInside({ ...this.#ground(uri), file: path.join(root, "*") });
    const tops = beginning === "" ? [""] : (await namesIn(root)).filter((name) => name.startsWith(beginning));
    const files = await Promise.all(tops.map((top) => filesAt(root, top, unfinished)));
    const entries: Entry[] = [];
    for (const file of files.flat()) {
      const entry = await entryAt(path.join(root, file), file);
      if (entry) entries.push(entry);
    }
    return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async write(uri: string, content: Content): Promise<void> {
    const target = await this.#changing(uri);
    await withTemporary(target, content, (temporary) => rename(temporary, target));
  }

  async create(uri: string, content: Uint8Array): Promise<boolean> {
    const target = await this.#changing(uri);
    await makeDirectory(path.dirname(target));
    let handle: FileHandle;
    try {
      // Exclusive: only one caller creates the name. A crash here leaves an empty file.
      handle = await open(target, "wx");
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(path.dirname(target));
    return true;
  }

  async commitDirectory(from: string, to: string, committed: CommittedFiles): Promise<void> {
    const source = this.#pathOf(from);
    const target = path.dirname(await this.#changing(`${to}/${manifestFile}`));
    for (const directory of await directoriesBelow(source)) await syncDirectory(directory);
    await makeDirectory(path.dirname(target));
    try {
      // This also replaces an empty directory.
      await rename(source, target);
    } catch (error) {
      if (!isOccupied(error)) throw error;
      await merge(source, target, committed);
    }
    await syncDirectory(path.dirname(target));
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [await this.#changing(from), await this.#changing(to)];
    await makeDirectory(path.dirname(target));
    await rename(source, target);
    await syncDirectory(path.dirname(target));
  }

  async remove(uri: string): Promise<void> {
    await rm(await this.#changing(uri), { force: true });
  }

  async removeFiles(uri: string, names: readonly string[]): Promise<void> {
    const directory = path.dirname(await this.#changing(`${uri}/${manifestFile}`));
    const unfinished = (await namesIn(directory)).filter(isTemporaryName);
    for (const name of [...names, ...unfinished]) await rm(await this.#changing(`${uri}/${name}`), { force: true });
    await removeEmpty(directory, names);
  }

  async occupant(uri: string): Promise<Occupant> {
    const directory = this.#pathOf(uri);
    const facts = await lstat(directory).catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw error;
    });
    if (facts === undefined) return { kind: "nothing" };
    if (!facts.isDirectory()) return { kind: "file" };
    if (await isMountPoint(directory)) return { kind: "mountPoint" };
    const names = await readdir(directory);
    return names.length === 0 ? { kind: "nothing" } : { kind: "directory", names };
  }

  /** The resolved path of a file, so that the checked file is the mapped one. */
  async localFile(uri: string): Promise<string> {
    const ground = this.#ground(uri);
    await (await openFile(ground)).close();
    return await realpath(ground.file);
  }

  #ground(uri: string): Ground {
    const root = this.#rootOf(uri);
    return { uri, file: this.#pathOf(uri), root: root === undefined ? undefined : path.resolve(root) };
  }

  /** The path of a file to write or remove. Throws when a link leads out of the root. */
  async #changing(uri: string): Promise<string> {
    const ground = this.#ground(uri);
    await requireInside(ground);
    return ground.file;
  }
}

const isOccupied = (error: unknown) => codeOf(error) === "ENOTEMPTY" || codeOf(error) === "EEXIST";

/** Moves the files of a directory into another one, the manifest last, which completes the directory. */
async function merge(source: string, target: string, { files, replaced }: CommittedFiles): Promise<void> {
  await rm(path.join(target, manifestFile), { force: true });
  const others = files.filter((name) => name !== manifestFile);
  for (const name of others) {
    await makeDirectory(path.dirname(path.join(target, name)));
    await rename(path.join(source, name), path.join(target, name));
  }
  const stale = replaced.filter((name) => !files.includes(name));
  for (const name of stale) await rm(path.join(target, name), { force: true });
  for (const directory of directoriesOf(target, [...files, ...stale])) await syncDirectory(directory);
  await rename(path.join(source, manifestFile), path.join(target, manifestFile));
  await syncDirectory(target);
  await removeEmpty(source, files);
}

/** The directories that hold these files, deepest first, and the directory itself last. */
function directoriesOf(root: string, names: readonly string[]): string[] {
  const found = new Set<string>([root]);
  for (const name of names) {
    for (let at = path.dirname(path.join(root, name)); at.length > root.length; at = path.dirname(at)) found.add(at);
  }
  return [...found].sort((a, b) => b.length - a.length);
}

/** Removes a directory and those below it that held these files, if they are empty. */
async function removeEmpty(root: string, names: readonly string[]): Promise<void> {
  for (const directory of directoriesOf(root, names)) {
    await rmdir(directory).catch((error: unknown) => {
      if (!isAbsent(error) && !isOccupied(error) && codeOf(error) !== "EBUSY") throw error;
    });
  }
}

async function entryAt(file: string, name: string): Promise<Entry | undefined> {
  try {
    const facts = await stat(file, { bigint: true });
    if (!facts.isFile()) return undefined;
    return {
      path: name,
      bytes: Number(facts.size),
      version: `${facts.size}-${facts.mtimeNs}`,
      modifiedAt: Number(facts.mtimeMs),
    };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A file of `root`, or the files below a directory of it, relative to `root`. */
async function filesAt(root: string, top: string, unfinished: boolean): Promise<string[]> {
  if (top !== "" && (await entryAt(path.join(root, top), top))) return [top];
  return (await filesBelow(path.join(root, top), unfinished)).map((file) => path.join(top, file));
}

async function filesBelow(root: string, unfinished: boolean): Promise<string[]> {
  try {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && (unfinished || !entry.name.startsWith(temporaryPrefix)))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function directoriesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return [root, ...entries.filter((entry) => entry.isDirectory()).map((e) => path.join(e.parentPath, e.name))];
}

async function readFully(handle: FileHandle, start: number, end: number, uri: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    // read(2) transfers at most 2 GiB per call.
    const length = Math.min(bytes.length - filled, 1 << 30);
    const { bytesRead } = await handle.read(bytes, filled, length, start + filled);
    if (bytesRead === 0) throw new Error(`${uri}: ends at byte ${start + filled}, ${end} expected`);
    filled += bytesRead;
  }
  return bytes;
}

/** Writes content durably beside `target`, calls `place` to move it there, and cleans up if that fails. */
async function withTemporary(
  target: string,
  content: Content,
  place: (temporary: string) => Promise<void>,
): Promise<void> {
  const directory = path.dirname(target);
  await makeDirectory(directory);
  const temporary = path.join(directory, `${temporaryPrefix}${randomUUID()}`);
  try {
    const handle = await open(temporary, "wx");
    try {
      if (content instanceof Uint8Array) await handle.writeFile(content);
      else for await (const chunk of content) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Creates a directory and its missing parents; each new entry is synced in its parent. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true }).catch(async (error: unknown) => {
    // On a read-only file system Node's recursive mkdir reports ENOENT; creating the first missing one reports the
    // reason.
    if (codeOf(error) === "ENOENT") await mkdir(await firstMissing(directory));
    throw error;
  });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

async function firstMissing(directory: string): Promise<string> {
  const above = path.dirname(directory);
  const exists = await stat(above).then(
    () => true,
    (error: unknown) => !isAbsent(error),
  );
  return exists || above === directory ? directory : await firstMissing(above);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
