/**
 * Keeps a store equal to what the API server has: a paginated list, then a watch with bookmarks.
 *
 * A watch that ends or breaks is resumed where it was; 410 Gone means one new list; a watch that is silent for 90 s
 * (bookmarks come every minute) counts as broken. It never gives up and never throws; it ends with its signal.
 */
import type { Logger } from "pino";
import type { Client } from "./client.ts";
import { ApiError, isGone } from "./errors.ts";
import { isRecord, type KubeObject, keyOf, type Resource, readObject } from "./objects.ts";
import type { Store } from "./store.ts";
import { sleep } from "./transport.ts";

const pageSize = 500;
const silenceMs = 90_000;
const maxBackoffMs = 30_000;

type State = { kind: "list" } | { kind: "watch"; resourceVersion: string };

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  store: Pick<Store<T>, "set" | "delete" | "replace">;
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  log: Logger;
}

export class Reflector<T extends KubeObject> {
  /** Resolves when the store holds the first complete list. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  #markSynced: () => void = () => {};
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    let state: State = { kind: "list" };
    while (!signal.aborted) {
      try {
        state = state.kind === "list" ? await this.#list(signal) : await this.#watch(state.resourceVersion, signal);
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        state = nextState(state, error);
        await this.#backOff(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<State> {
    const { client, resource, store, namespace, labelSelector } = this.#options;
    const objects: T[] = [];
    let continueToken = "";
    for (;;) {
      const page = await client.list(resource, {
        namespace,
        labelSelector,
        limit: pageSize,
        signal,
        ...(continueToken === "" ? {} : { continueToken }),
      });
      objects.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken !== "") continue;
      store.replace(objects);
      this.#markSynced();
      return { kind: "watch", resourceVersion: page.resourceVersion };
    }
  }

  /** Follows one watch to its end; returns where the next one starts. */
  async #watch(from: string, signal: AbortSignal): Promise<State> {
    const { client, resource, namespace, labelSelector } = this.#options;
    let resourceVersion = from;
    const timeoutSeconds = Math.round(300 + Math.random() * 300);
    const lines = client.watch(resource, {
      namespace,
      labelSelector,
      resourceVersion,
      timeoutSeconds,
      silenceMs,
      signal,
    });
    try {
      for await (const line of lines) {
        resourceVersion = this.#take(readWatchEvent(line)) ?? resourceVersion;
        this.#failures = 0;
      }
    } catch (error) {
      if (signal.aborted || isGone(error)) throw error;
      this.#options.log.debug({ error, resource: resource.plural }, "watch ended early; resuming");
      await this.#backOff(error, signal);
    }
    return { kind: "watch", resourceVersion };
  }

  #take({ type, object }: WatchEvent): string | undefined {
    const { resource, store } = this.#options;
    if (type === "ERROR") throw watchError(object);
    const version = isRecord(object.metadata) ? object.metadata.resourceVersion : undefined;
    if (type !== "BOOKMARK") {
      const read = readObject(resource, object);
      if (type === "DELETED") store.delete(keyOf(read));
      else store.set(read);
    }
    return typeof version === "string" ? version : undefined;
  }

  async #backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const delay = Math.min(200 * 2 ** this.#failures++, maxBackoffMs) * (0.5 + Math.random());
    const { log, resource } = this.#options;
    if (!isGone(error) && this.#failures > 1)
      log.warn({ error, resource: resource.plural }, "list or watch failed; trying again");
    await sleep(delay, signal).catch(() => {});
  }
}

interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Record<string, unknown>;
}

/** Reads one line of a watch; a cut or foreign line throws, and the watch is resumed. */
export function readWatchEvent(line: string): WatchEvent {
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

function nextState(state: State, error: unknown): State {
  return isGone(error) ? { kind: "list" } : state;
}
