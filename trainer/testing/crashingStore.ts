/** A store that stops working at a chosen write, either before or after it, like a process that is killed there. */
import type { ByteRange, CommittedFiles, Content, Entry, ListOptions, Occupant, Store } from "../stores/store.ts";

export class Crash extends Error {}

export class CrashingStore implements Store {
  readonly #inner: Store;
  readonly #crashAt: number;
  /** The number of writes so far; a write is any operation that changes the store. */
  writes = 0;

  /** Write number `crashAt`, from 0, fails without changing anything; so do all later operations. */
  constructor(inner: Store, crashAt: number) {
    this.#inner = inner;
    this.#crashAt = crashAt;
  }

  async stat(uri: string): Promise<Entry | undefined> {
    return await this.#inner.stat(uri);
  }

  async read(uri: string, range?: ByteRange): Promise<Uint8Array> {
    return await this.#inner.read(uri, range);
  }

  stream(uri: string): AsyncIterable<Uint8Array> {
    return this.#inner.stream(uri);
  }

  async list(uri: string, beginning?: string, options?: ListOptions): Promise<Entry[]> {
    return await this.#inner.list(uri, beginning, options);
  }

  async localFile(uri: string): Promise<string | undefined> {
    return await this.#inner.localFile(uri);
  }

  async write(uri: string, content: Content): Promise<void> {
    this.#count();
    await this.#inner.write(uri, content);
  }

  async create(uri: string, content: Uint8Array): Promise<boolean> {
    this.#count();
    return await this.#inner.create(uri, content);
  }

  async commitDirectory(from: string, to: string, committed: CommittedFiles): Promise<void> {
    this.#count();
    await this.#inner.commitDirectory(from, to, committed);
  }

  async move(from: string, to: string): Promise<void> {
    this.#count();
    await this.#inner.move(from, to);
  }

  async remove(uri: string): Promise<void> {
    this.#count();
    await this.#inner.remove(uri);
  }

  async removeFiles(uri: string, names: readonly string[]): Promise<void> {
    this.#count();
    await this.#inner.removeFiles(uri, names);
  }

  async occupant(uri: string): Promise<Occupant> {
    return await this.#inner.occupant(uri);
  }

  #count(): void {
    if (this.writes++ >= this.#crashAt) throw new Crash(`crashed at write ${this.#crashAt}`);
  }
}
