/**
 * The objects that a reflector has observed, by key, with indexes. Objects are shared and must not be changed.
 */
import { type KubeObject, keyOf } from "./objects.ts";

/** Returns the keys of an object in one index. */
export type Indexer<T> = (object: T) => readonly string[];

export type Change<T> =
  | { type: "Added"; object: T }
  | { type: "Modified"; object: T; previous: T }
  | { type: "Deleted"; object: T };

export class Store<T extends KubeObject, Index extends string = never> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: Readonly<Record<Index, Indexer<T>>>;
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #listeners: ((change: Change<T>) => void)[] = [];

  constructor(indexers: Readonly<Record<Index, Indexer<T>>>) {
    this.#indexers = indexers;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  values(): T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: Index, value: string): T[] {
    const keys = this.#indexes.get(index)?.get(value) ?? new Set<string>();
    return [...keys].map((key) => this.#objects.get(key)!);
  }

  /** Called after each change, in order; a listener's throw is a bug and is not caught. */
  onChange(listener: (change: Change<T>) => void): void {
    this.#listeners.push(listener);
  }

  set(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous !== undefined) return;
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, object);
    this.#index(key, object);
    this.#notify(previous ? { type: "Modified", object, previous } : { type: "Added", object });
  }

  delete(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#unindex(key, object);
    this.#objects.delete(key);
    this.#notify({ type: "Deleted", object });
  }

  /** Replaces the content by a fresh list: a missing object was deleted while no watch was open. */
  replace(objects: readonly T[]): void {
    const listed = new Set(objects.map(keyOf));
    for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.delete(key);
    for (const object of objects) this.set(object);
  }

  #notify(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }

  #index(key: string, object: T): void {
    for (const [index, value] of this.#entries(object)) {
      const keys = index.get(value) ?? new Set();
      index.set(value, keys.add(key));
    }
  }

  #unindex(key: string, object: T): void {
    for (const [index, value] of this.#entries(object)) {
      const keys = index.get(value);
      keys?.delete(key);
      if (keys?.size === 0) index.delete(value);
    }
  }

  *#entries(object: T): Generator<[Map<string, Set<string>>, string]> {
    for (const [name, index] of this.#indexes) {
      for (const value of this.#indexers[name as Index](object)) yield [index, value];
    }
  }
}
