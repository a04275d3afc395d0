/**
 * Kubernetes API verbs over the transport: raw JSON in, raw JSON out, no cache.
 */
import { isNotFound } from "./errors.ts";
import { isRecord, type KubeObject, pathOf, type Resource, readObject } from "./objects.ts";
import type { Transport } from "./transport.ts";

export interface Page<T> {
  items: T[];
  resourceVersion: string;
  continueToken: string;
}

export interface ListOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string;
  limit?: number;
  continueToken?: string;
  signal?: AbortSignal | undefined;
}

interface At {
  namespace: string;
  name: string;
}

export class Client {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The server's present object; undefined if it does not exist. */
  async get<T extends KubeObject>(resource: Resource<T>, at: At): Promise<T | undefined> {
    const answer = await this.#present(resource, at);
    return answer === undefined ? undefined : readObject(resource, answer);
  }

  /** Names of the programs that wrote parts of an object, as the API server recorded them; none if it does not exist. */
  async managers(resource: Resource<KubeObject>, at: At): Promise<string[]> {
    const answer = await this.#present(resource, at);
    const fields = isRecord(answer) && isRecord(answer.metadata) ? answer.metadata.managedFields : undefined;
    const entries = Array.isArray(fields) ? fields : [];
    return entries.flatMap((entry) => (isRecord(entry) && typeof entry.manager === "string" ? [entry.manager] : []));
  }

  /** The answer of the API server; undefined if the object does not exist. */
  async #present(resource: Resource<KubeObject>, at: At): Promise<unknown> {
    try {
      return await this.#transport.json({ method: "GET", path: pathOf(resource, at) });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Promise<Page<T>> {
    const answer = await this.#transport.json({
      method: "GET",
      path: pathOf(resource, { namespace: options.namespace }),
      query: {
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        limit: options.limit,
        continue: options.continueToken,
      },
      signal: options.signal,
    });
    if (!isRecord(answer) || !isRecord(answer.metadata))
      throw new Error(`the list of ${resource.plural} is not a list`);
    const items = Array.isArray(answer.items) ? answer.items : [];
    return {
      items: items.map((item) => readObject(resource, item)),
      resourceVersion: String(answer.metadata.resourceVersion ?? ""),
      continueToken: String(answer.metadata.continue ?? ""),
    };
  }

  /** Throws `ApiError` AlreadyExists; if the name derives from the content, the caller may count that as success. */
  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const path = pathOf(resource, { namespace: object.metadata.namespace });
    return readObject(resource, await this.#transport.json({ method: "POST", path, body: object }));
  }

  async replace<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    const path = pathOf(resource, { namespace: object.metadata.namespace, name: object.metadata.name });
    return readObject(resource, await this.#transport.json({ method: "PUT", path, body: object }));
  }

  /** Server-side apply of a full intent, by one field manager. With `metadata.resourceVersion` a stale writer gets 409. */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    object: KubeObject,
    options: { manager: string },
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const path = pathOf(resource, { namespace, name });
    const answer = await this.#transport.json({
      method: "PATCH",
      path,
      query: { fieldManager: options.manager, force: true },
      contentType: "application/apply-patch+yaml",
      body: object,
    });
    return readObject(resource, answer);
  }

  async mergePatch<T extends KubeObject>(resource: Resource<T>, at: At, patch: unknown): Promise<T> {
    const answer = await this.#transport.json({
      method: "PATCH",
      path: pathOf(resource, at),
      contentType: "application/merge-patch+json",
      body: patch,
    });
    return readObject(resource, answer);
  }

  /**
   * Sets values, by JSON pointer, in this same object (by uid), whoever wrote them before. Server-side apply would keep the
   * values of other managers, and turns an emptied map into null. `unchanged`: a conflict if the object has changed.
   */
  async replaceAt<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    values: Readonly<Record<string, unknown>>,
    { unchanged = false } = {},
  ): Promise<T> {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const answer = await this.#transport.json({
      method: "PATCH",
      path: pathOf(resource, { namespace, name }),
      contentType: "application/json-patch+json",
      body: [
        { op: "test", path: "/metadata/uid", value: uid },
        ...(unchanged ? [{ op: "replace", path: "/metadata/resourceVersion", value: resourceVersion }] : []),
        ...Object.entries(values).map(([path, value]) => ({ op: "add", path, value })),
      ],
    });
    return readObject(resource, answer);
  }

  /**
   * Replaces the whole status, whoever wrote parts of it before. Throws ApiError 409 when the object is no longer at
   * its `resourceVersion`.
   */
  async replaceStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    status: unknown,
    options: { manager: string },
  ): Promise<T> {
    const { namespace, name, resourceVersion } = object.metadata;
    const answer = await this.#transport.json({
      method: "PATCH",
      path: pathOf(resource, { namespace, name, subresource: "status" }),
      query: { fieldManager: options.manager },
      contentType: "application/json-patch+json",
      body: [
        { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
        { op: "add", path: "/status", value: status },
      ],
    });
    return readObject(resource, answer);
  }

  /** Deletes this object by its uid; an object that is already gone counts as success. */
  async delete(
    resource: Resource<KubeObject>,
    object: KubeObject,
    propagationPolicy: "Foreground" | "Background" = "Background",
  ): Promise<void> {
    const { namespace, name, uid } = object.metadata;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      await this.#transport.json({ method: "DELETE", path: pathOf(resource, { namespace, name }), body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The last lines of a container's log. It does not wait for a kubelet that does not respond: the log is optional. */
  async log(at: At, options: { container: string; tailLines: number; limitBytes: number }): Promise<string> {
    return this.#transport.text({
      method: "GET",
      path: logPath(at),
      query: options,
      requestTimeoutMs: 5_000,
      maxAttempts: 1,
    });
  }

  /** The lines of a container's log that are not empty, from its beginning; `follow`: until the container ends. */
  logLines(
    at: At,
    options: { container: string; follow: boolean; silenceMs: number; signal: AbortSignal },
  ): AsyncGenerator<string> {
    const { container, follow, silenceMs, signal } = options;
    return this.#transport.lines({ method: "GET", path: logPath(at), query: { container, follow }, signal }, silenceMs);
  }

  /** Streams a watch, one event per line. */
  watch(
    resource: Resource<KubeObject>,
    options: {
      namespace?: string | undefined;
      labelSelector?: string | undefined;
      resourceVersion: string;
      timeoutSeconds: number;
      silenceMs: number;
      signal: AbortSignal;
    },
  ): AsyncGenerator<string> {
    return this.#transport.lines(
      {
        method: "GET",
        path: pathOf(resource, { namespace: options.namespace }),
        query: {
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: options.resourceVersion,
          labelSelector: options.labelSelector,
          timeoutSeconds: options.timeoutSeconds,
        },
        signal: options.signal,
      },
      options.silenceMs,
    );
  }
}

const logPath = (at: At): string =>
  `/api/v1/namespaces/${encodeURIComponent(at.namespace)}/pods/${encodeURIComponent(at.name)}/log`;
