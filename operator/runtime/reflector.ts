/**
 * Keeps a store equal to what the API server has: a paginated list, then a watch with bookmarks.
 *
 * The reflector resumes a watch that ends or breaks from its last version. If the server rejects a watch (mostly 410 Gone),
 * it lists once more. A watch that is silent for 90 s (bookmarks come every minute) counts as broken. Repeated failures
 * back off; only a new event resets the back-off. The reflector never gives up and never throws; it ends with its signal.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { ApiError, isGone } from "./errors.ts";
import { isRecord, type KubeObject, keyOf, type Resource, readObject } from "./objects.ts";
import type { Store } from "./store.ts";

const pageSize = 500;
const usualSilenceMs = 90_000;
const maxBackoffMs = 30_000;
/** A watch that ends sooner than this without an event counts as a failure. */
const shortWatchMs = 1_000;

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  store: Pick<Store<T>, "set" | "delete" | "replace">;
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  /** Reduces an object to the part that the store keeps. Default: the whole object. */
  keep?: (object: T) => T;
  /** Longest silence of a watch. Default 90 s. */
  silenceMs?: number;
  log: Logger;
}

export class Reflector<T extends KubeObject> {
  /** Resolves when the store holds the first complete list. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  #markSynced: () => void = () => {};
  /** Where the next watch starts; undefined: a list comes first. */
  #version: string | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        else await this.#watch(this.#version, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isRefused(error, this.#failures)) this.#version = undefined;
        await this.#backOff(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, store, namespace, labelSelector } = this.#options;
    const objects: T[] = [];
    let continueToken = "";
    do {
      const page = await client.list(resource, {
        namespace,
        labelSelector,
        limit: pageSize,
        signal,
        ...(continueToken === "" ? {} : { continueToken }),
      });
      objects.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken === "") this.#version = page.resourceVersion;
    } while (continueToken !== "");
    const { keep = (object: T) => object } = this.#options;
    store.replace(objects.map(keep));
    this.#markSynced();
  }

  /** Follows one watch to its end. */
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector, silenceMs = usualSilenceMs } = this.#options;
    const started = performance.now();
    let events = 0;
    const lines = client.watch(resource, {
      namespace,
      labelSelector,
      resourceVersion: from,
      timeoutSeconds: Math.round(300 + Math.random() * 300),
      silenceMs,
      signal,
    });
    for await (const line of lines) {
      this.#version = this.#take(readWatchEvent(line)) ?? this.#version;
      this.#failures = 0;
      events++;
    }
    if (events === 0 && performance.now() - started < shortWatchMs) throw new Error("the watch ended at once");
    this.#failures = 0;
  }

  #take({ type, object }: WatchEvent): string | undefined {
    const { resource, store, keep = (whole: T) => whole } = this.#options;
    if (type === "ERROR") throw watchError(object);
    const version = isRecord(object.metadata) ? object.metadata.resourceVersion : undefined;
    if (type !== "BOOKMARK") {
      const read = readObject(resource, object);
      if (type === "DELETED") store.delete(keyOf(read));
      else store.set(keep(read));
    }
    return typeof version === "string" ? version : undefined;
  }

  async #backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const delay = Math.min(200 * 2 ** this.#failures++, maxBackoffMs) * (0.5 + Math.random());
    const { log, resource } = this.#options;
    if (!isGone(error) && this.#failures > 1)
      log.warn({ error, resource: resource.plural }, "list or watch failed; trying again");
    await sleep(delay, undefined, { signal }).catch(() => {});
  }
}

interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Record<string, unknown>;
}

/** Parses one line of a watch; a cut or foreign line throws, and the reflector resumes the watch. */
function readWatchEvent(line: string): WatchEvent {
  const event: unknown = JSON.parse(line);
  if (isRecord(event) && isRecord(event.object)) {
    const { type, object } = event;
    if (type === "ADDED" || type === "MODIFIED" || type === "DELETED" || type === "BOOKMARK" || type === "ERROR") {
      return { type, object };
    }
  }
  throw new Error(`not a watch event: ${line.slice(0, 200)}`);
}

function watchError(status: Record<string, unknown>): ApiError {
  const code = typeof status.code === "number" ? status.code : 500;
  return new ApiError(code, String(status.reason ?? ""), String(status.message ?? "the watch ended with an error"));
}

/** Does the server reject this resource version, by its answer or by repeated errors? A busy server does not. */
function isRefused(error: unknown, failures: number): boolean {
  if (!(error instanceof ApiError) || error.status === 429) return false;
  return error.status < 500 || failures >= 5;
}
