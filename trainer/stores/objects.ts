/**
 * Content-addressed objects: `<root>/objects/<sha256>`. An object's name is its digest. It is written once, shared by
 * all runs of a namespace, and checked whenever it is read in full.
 */
import { createHash, randomUUID } from "node:crypto";
import { corrupt } from "../contract/failure.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { compared, type Digest, digestOf } from "./digest.ts";
import { localCopy } from "./localCopy.ts";
import { MissingFileError, type Store } from "./store.ts";
import type { Stores } from "./stores.ts";

export interface StagedObject {
  digest: Digest;
  bytes: number;
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

  /** Whether the object exists with this size. */
  async has({ digest, bytes }: StagedObject): Promise<boolean> {
    const entry = await this.#store.stat(this.uri(digest));
    return entry?.bytes === bytes;
  }

  /** Stages bytes in memory. */
  async putBytes(bytes: Uint8Array): Promise<StagedObject> {
    const staged = { digest: digestOf(bytes), bytes: bytes.length };
    if (!(await this.has(staged))) await this.#store.write(this.uri(staged.digest), bytes);
    return staged;
  }

  /**
   * Stages chunks in one pass. If the digest `expected` is known and differs, nothing appears and `wrong` is thrown. If
   * it is unknown, the chunks are first written under a temporary name.
   */
  async putStream(chunks: Chunks, expected?: { digest: Digest; wrong: () => Error }): Promise<StagedObject> {
    const count = new Count(chunks);
    if (expected) {
      await this.#store.write(this.uri(expected.digest), compared(count, expected.digest, expected.wrong));
      return count.staged();
    }
    const incoming = storeLayout.incoming(this.#root, `${Date.now()}-${randomUUID()}`);
    try {
      await this.#store.write(incoming, count);
      const staged = count.staged();
      if (await this.has(staged)) await this.#store.remove(incoming);
      else await this.#store.move(incoming, this.uri(staged.digest));
      return staged;
    } catch (error) {
      // The original error matters, not a failed clean-up.
      await this.#store.remove(incoming).catch(() => {});
      throw error;
    }
  }

  /** Reads all bytes of an object and checks its digest. */
  async read(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#store.read(this.uri(digest)).catch(missing(digest));
    if (digestOf(bytes) !== digest) throw altered(this.uri(digest));
    return bytes;
  }

  /** The URI of a local file with the object's bytes, with its digest checked. */
  async localCopy(digest: Digest, onBytes?: (bytes: number) => void): Promise<string> {
    const uri = this.uri(digest);
    return await localCopy(this.#stores, { uri, digest }, () => altered(uri), onBytes).catch(missing(digest));
  }

  get #store(): Store {
    return this.#stores.of(this.#root);
  }
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Counts and digests chunks as they pass through. */
class Count implements AsyncIterable<Uint8Array> {
  readonly #chunks: Chunks;
  readonly #hash = createHash("sha256");
  #bytes = 0;

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator]() {
    for await (const chunk of this.#chunks) {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      yield chunk;
    }
  }

  /** The digest and size of all chunks; call it once, at the end. */
  staged(): StagedObject {
    return { digest: `sha256:${this.#hash.digest("hex")}`, bytes: this.#bytes };
  }
}

const altered = (uri: string) =>
  corrupt("ObjectCorrupt", `${uri}: its content no longer matches the digest in its name; remove it and prepare again`);

const missing =
  (digest: Digest) =>
  (error: unknown): never => {
    if (!(error instanceof MissingFileError)) throw error;
    throw corrupt("ObjectMissing", `${error.uri}: object ${digest} was staged and no longer exists; prepare again`);
  };
