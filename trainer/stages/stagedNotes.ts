/**
 * Records of staged files: the object of each file or shard, written to the store after each one. So neither a resumed
 * prepare nor a later one of the same input repeats the work. An unreadable record, or one whose object is missing, is
 * ignored.
 */
import { z } from "zod";
import { digest } from "../contract/digest.ts";
import type { Objects, StagedObject } from "../stores/objects.ts";
import { jsonOf } from "../stores/sealed.ts";
import type { Stores } from "../stores/stores.ts";

const notes = z.record(z.string(), z.strictObject({ digest, bytes: z.int().min(0) }));

export class StagedNotes {
  readonly #stores: Stores;
  readonly #objects: Objects;
  readonly #uri: string;
  readonly #notes: Map<string, StagedObject>;

  private constructor(stores: Stores, objects: Objects, uri: string, known: Map<string, StagedObject>) {
    this.#stores = stores;
    this.#objects = objects;
    this.#uri = uri;
    this.#notes = known;
  }

  static async open(stores: Stores, objects: Objects, uri: string): Promise<StagedNotes> {
    const store = stores.of(uri);
    const parsed = notes.safeParse((await store.stat(uri)) ? jsonOf(await store.read(uri)) : {});
    return new StagedNotes(stores, objects, uri, new Map(parsed.success ? Object.entries(parsed.data) : []));
  }

  /** The recorded file with this name, if its object still exists. */
  async known(name: string): Promise<StagedObject | undefined> {
    const noted = this.#notes.get(name);
    return noted && (await this.#objects.has(noted)) ? noted : undefined;
  }

  async note(name: string, staged: StagedObject): Promise<StagedObject> {
    this.#notes.set(name, staged);
    await this.#stores.of(this.#uri).write(this.#uri, Buffer.from(JSON.stringify(Object.fromEntries(this.#notes))));
    return staged;
  }
}
