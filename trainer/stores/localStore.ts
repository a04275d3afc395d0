/**
 * A store on a file system: `file://` and the mounted claims of `pvc://`.
 *
 * A write goes to a hidden sibling (`.luthier-tmp-…`), is synced, renamed into place, and the directory is synced, with
 * those above it that are new; what a crash leaves behind under such a name is never listed.
 */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type ByteRange, type Content, type Entry, type ListOptions, MissingFileError, type Store } from "./store.ts";

/** Of the names that files have until they are whole. */
export const temporaryPrefix = ".luthier-tmp-";

export class LocalStore implements Store {
  readonly #pathOf: (uri: string) => string;

  /** `pathOf` maps a URI of this store's scheme to an absolute path. */
  constructor(pathOf: (uri: string) => string) {
    this.#pathOf = pathOf;
  }

  async stat(uri: string): Promise<Entry | undefined> {
    const file = this.#pathOf(uri);
    return await entryAt(file, path.basename(file));
  }

  async read(uri: string, range?: ByteRange): Promise<Uint8Array> {
    const handle = await this.#open(uri);
    try {
      const start = range?.start ?? 0;
      const end = range?.end ?? (await handle.stat()).size;
      return await readFully(handle, start, end, uri);
    } finally {
      await handle.close();
    }
  }

  async *stream(uri: string): AsyncIterable<Uint8Array> {
    const handle = await this.#open(uri);
    yield* createReadStream("", { fd: handle, highWaterMark: 1 << 20 });
  }

  async list(uri: string, beginning = "", { unfinished = false }: ListOptions = {}): Promise<Entry[]> {
    const root = this.#pathOf(uri);
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
    const target = this.#pathOf(uri);
    await withTemporary(target, content, (temporary) => rename(temporary, target));
  }

  async create(uri: string, content: Uint8Array): Promise<boolean> {
    const target = this.#pathOf(uri);
    await makeDirectory(path.dirname(target));
    let handle: FileHandle;
    try {
      // Exclusive: of all who try, one makes the name. A crash here leaves the name without its content.
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

  async commitDirectory(from: string, to: string): Promise<void> {
    const source = this.#pathOf(from);
    const target = this.#pathOf(to);
    for (const directory of await directoriesBelow(source)) await syncDirectory(directory);
    // A directory in the way has no valid manifest, or the caller would not commit over it.
    await rm(target, { recursive: true, force: true });
    await makeDirectory(path.dirname(target));
    await rename(source, target);
    await syncDirectory(path.dirname(target));
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#pathOf(from), this.#pathOf(to)];
    await makeDirectory(path.dirname(target));
    await rename(source, target);
    await syncDirectory(path.dirname(target));
  }

  async remove(uri: string): Promise<void> {
    await rm(this.#pathOf(uri), { recursive: true, force: true });
  }

  async localFile(uri: string): Promise<string> {
    const file = this.#pathOf(uri);
    if (!(await entryAt(file, file))) throw new MissingFileError(uri);
    return file;
  }

  async #open(uri: string): Promise<FileHandle> {
    try {
      const handle = await open(this.#pathOf(uri), "r");
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    throw new MissingFileError(uri);
  }
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);

const isAbsent = (error: unknown) => codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";

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
    // read(2) moves at most 2 GiB a call.
    const length = Math.min(bytes.length - filled, 1 << 30);
    const { bytesRead } = await handle.read(bytes, filled, length, start + filled);
    if (bytesRead === 0) throw new Error(`${uri}: ends at byte ${start + filled}, ${end} expected`);
    filled += bytesRead;
  }
  return bytes;
}

/** Writes content durably beside `target`, lets `place` put it there, and leaves nothing behind when that fails. */
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

/** Makes a directory and those above it that are not there; each that is new is durable in the one above it. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = path.dirname(made)) {
    await syncDirectory(path.dirname(made));
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
