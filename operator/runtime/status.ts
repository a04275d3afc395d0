/**
 * Status writes: the whole status replaces the one that is there, so that nothing stays in it that the operator did not
 * decide. Refused when the object moved on, left out when nothing changed.
 */
import { isDeepStrictEqual } from "node:util";
import type { Client } from "./client.ts";
import type { KubeObject, Resource } from "./objects.ts";

/** Writes `status` if it differs from what `object` has; says whether it did. Throws ApiError 409 for a stale object. */
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
