/**
 * Content-addressed objects: `<root>/objects/<sha256>`. An object's name is its digest, so it is written once, shared by
 * all runs of a namespace, and checked whenever it is read in full.
 */
import { createHash, type Hash } from "node:crypto";
import { storeLayout } from "../contract/storeLayout.ts";
import { corrupt } from "../failure.ts";
import { MissingFileError } from "./store.ts";
import type { Stores } from "./stores.ts";

/** `sha256:` and 64 hex digits. */
export type Digest = string;

export interface StagedObject {
  digest: Digest;
  bytes: number;
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export class Objects {
  readonly #stores: Stores;
  readonly #root: string;

  constructor(stores: Stores, artifactRoot: string) {
    this.#stores = stores;
    this.#root = artifactRoot;
  }

  uri(digest: Digest): string {
    return storeLayout.object(this.#root, digest.slice("sha256:".length));
  }

  /** Whether the object is there with this size. */
  async has({ digest, bytes }: StagedObject): Promise<boolean> {
    const entry = await this.#stores.of(this.#root).stat(this.uri(digest));
    return entry?.bytes === bytes;
  }

  async putBytes(bytes: Uint8Array): Promise<StagedObject> {
    return await this.putChunks([bytes]);
  }

  /** One object of all chunks, one after another; they are iterated twice, and must be the same both times. */
  async putChunks(chunks: Iterable<Uint8Array>): Promise<StagedObject> {
    const hash = createHash("sha256");
    let bytes = 0;
    for (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    const staged = { digest: `sha256:${hash.digest("hex")}`, bytes };
    if (!(await this.has(staged))) await this.#stores.of(this.#root).write(this.uri(staged.digest), inOrder(chunks));
    return staged;
  }

  /**
   * Stages the file at `uri`: read once for its digest and, unless the object is there already, once more to copy it.
   * A file that changes in between is refused. `onBytes` hears of every chunk of the first reading.
   */
  async putFile(uri: string, onBytes: (bytes: number) => void = () => {}): Promise<StagedObject> {
    const source = this.#stores.of(uri);
    const staged = await digestStream(source.stream(uri), onBytes);
    if (await this.has(staged)) return staged;
    const copied = createHash("sha256");
    await this.#stores.of(this.#root).write(this.uri(staged.digest), hashing(source.stream(uri), copied));
    if (`sha256:${copied.digest("hex")}` === staged.digest) return staged;
    await this.#stores.of(this.#root).remove(this.uri(staged.digest));
    throw corrupt("InputChanged", `${uri}: changed while it was read; run again when nothing writes to it`);
  }

  /** All bytes of an object, its digest checked. */
  async read(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#stores.of(this.#root).read(this.uri(digest)).catch(missing(digest));
    if (digestOf(bytes) !== digest) throw altered(this.uri(digest));
    return bytes;
  }

  /** A file on this machine with the object's bytes; its digest is checked by `verify`. */
  async localFile(digest: Digest): Promise<string> {
    return await this.#stores.of(this.#root).localFile(this.uri(digest)).catch(missing(digest));
  }

  /** Reads an object once and compares its digest. */
  async verify(digest: Digest): Promise<void> {
    const staged = await digestStream(this.#stores.of(this.#root).stream(this.uri(digest)), () => {}).catch(
      missing(digest),
    );
    if (staged.digest !== digest) throw altered(this.uri(digest));
  }
}

async function* inOrder(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}

async function digestStream(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<StagedObject> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    onBytes(chunk.length);
  }
  return { digest: `sha256:${hash.digest("hex")}`, bytes };
}

async function* hashing(chunks: AsyncIterable<Uint8Array>, hash: Hash): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

const altered = (uri: string) =>
  corrupt("ObjectCorrupt", `${uri}: its content no longer has the digest of its name; remove it and prepare again`);

const missing =
  (digest: Digest) =>
  (error: unknown): never => {
    if (!(error instanceof MissingFileError)) throw error;
    throw corrupt("ObjectMissing", `${error.uri}: object ${digest} was staged and is no longer there`);
  };
