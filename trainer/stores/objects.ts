/**
 * Content-addressed objects: `<root>/objects/<sha256>`. An object's name is its digest, so it is written once, shared by
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

  /** Whether the object is there with this size. */
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
   * Stages chunks, read once. `expected` is the digest where it is known: what has another one never appears, and `wrong`
   * says so. Where it is not, they are written under a name of their own first.
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
      // Why it failed matters, not whether it could be tidied up.
      await this.#store.remove(incoming).catch(() => {});
      throw error;
    }
  }

  /** All bytes of an object, its digest checked. */
  async read(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#store.read(this.uri(digest)).catch(missing(digest));
    if (digestOf(bytes) !== digest) throw altered(this.uri(digest));
    return bytes;
  }

  /** The URI of a file on this machine with the object's bytes, its digest checked. */
  async localCopy(digest: Digest, onBytes?: (bytes: number) => void): Promise<string> {
    const uri = this.uri(digest);
    return await localCopy(this.#stores, { uri, digest }, () => altered(uri), onBytes).catch(missing(digest));
  }

  get #store(): Store {
    return this.#stores.of(this.#root);
  }
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Chunks that are counted and digested as they pass. */
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

  /** Of all that passed; to be asked once, at the end. */
  staged(): StagedObject {
    return { digest: `sha256:${this.#hash.digest("hex")}`, bytes: this.#bytes };
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
