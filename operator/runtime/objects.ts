/**
 * Kubernetes objects in wire form: plain JSON, dates as strings, unknown fields kept.
 *
 * The classes of @kubernetes/client-node are used as types only: its serializer drops fields that it does not know, so
 * nothing here is ever read into a class and written back.
 */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** A type of the client library in JSON form: dates are strings, and optional members may be undefined. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [K in keyof T]: object extends Pick<T, K> ? Wire<T[K]> | undefined : Wire<T[K]> }
      : T;

/** A whole object of the client library, as read from the API server. */
export type WireObject<T> = Omit<Wire<T>, "apiVersion" | "kind" | "metadata"> & KubeObject;

/** One kind of object that a client can reach; `T` is what it reads. */
export interface Resource<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Never set: carries `T`. */
  readonly type?: T;
}

export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The path of a collection or of one object below it. */
export function pathOf(
  resource: Resource<KubeObject>,
  at: { namespace?: string | undefined; name?: string; subresource?: string },
): string {
  const root = resource.group === "" ? "/api" : `/apis/${resource.group}`;
  const namespace = at.namespace === undefined ? "" : `/namespaces/${encodeURIComponent(at.namespace)}`;
  const name = at.name === undefined ? "" : `/${encodeURIComponent(at.name)}`;
  const subresource = at.subresource === undefined ? "" : `/${at.subresource}`;
  return `${root}/${resource.version}${namespace}/${resource.plural}${name}${subresource}`;
}

/** `namespace/name`: the key of an object in stores and queues. */
export function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** The object that was created last; undefined if there is none. */
export function newest<T extends KubeObject>(objects: readonly T[]): T | undefined {
  const created = ({ metadata }: T) => metadata.creationTimestamp ?? "";
  return objects.toSorted((a, b) => created(a).localeCompare(created(b))).at(-1);
}

/**
 * Reads what the API server sent as an object of `resource`. The server validated it against its schema; a list leaves
 * `apiVersion` and `kind` out of its items, so they are put back.
 */
export function readObject<T extends KubeObject>(resource: Resource<T>, raw: unknown): T {
  if (!isRecord(raw) || !isRecord(raw.metadata) || typeof raw.metadata.name !== "string") {
    throw new Error(`the API server's answer is not a ${resource.kind}`);
  }
  const { managedFields: _, ...metadata } = raw.metadata;
  const object: unknown = { ...raw, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  return object as T;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An owner reference to `owner`; `controller` for the one that manages the child. */
export function ownerReference(owner: KubeObject, options: { controller: boolean }): OwnerReference {
  const { uid } = owner.metadata;
  if (uid === undefined)
    throw new Error(`${owner.kind} ${owner.metadata.name} has no uid: it was not read from a server`);
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid,
    ...(options.controller ? { controller: true, blockOwnerDeletion: true } : {}),
  };
}
