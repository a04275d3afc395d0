/**
 * Status writes: the new status replaces the whole old one, so that it holds only what the operator decided. The API
 * server rejects the write if the object has changed; the operator skips it if the status has not.
 */
import { isDeepStrictEqual } from "node:util";
import type { Client } from "./client.ts";
import type { KubeObject, Resource } from "./objects.ts";

/** Writes `status` if it differs from what `object` has; returns whether it did. Throws ApiError 409 for a stale object. */
export async function writeStatus<T extends KubeObject & { status?: object }>(
  client: Client,
  resource: Resource<T>,
  object: T,
  status: object,
  manager: string,
): Promise<boolean> {
  const wanted: unknown = JSON.parse(JSON.stringify(status));
  if (isDeepStrictEqual(object.status ?? {}, wanted)) return false;
  await client.replaceStatus(resource, object, wanted, { manager });
  return true;
}
