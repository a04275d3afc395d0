/**
 * Creates a Job. Caches may be old and Jobs are expensive, so it reads the owner again, uncached: only a decision on the
 * newest version may start work. An existing Job counts as success. A rejection by the API server (a quota, an admission
 * rule, an invalid value) is a state to report and retry, not an error.
 */
import type { Client } from "../runtime/client.ts";
import { ApiError, isAlreadyExists, isNamespaceTerminating, StaleError } from "../runtime/errors.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import type { JobState } from "./outcome.ts";
import { batchJobs, type Job } from "./resources.ts";
import { withFix } from "./sentence.ts";

export type Created = { kind: "Created"; job: Job } | { kind: "Exists" } | Refused;
/** `words`: the rejection itself; the state's message has the fix too. */
export type Refused = { kind: "Refused"; words: string; state: JobState & { kind: "Pending" } };

/** Throws `StaleError` when `owner` is not the API server's newest version. */
export async function createJobOf<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  owner: T,
  job: Job,
): Promise<Created> {
  const { namespace = "", name, uid, resourceVersion } = owner.metadata;
  const current = await client.get(resource, { namespace, name });
  if (current?.metadata.uid !== uid || current?.metadata.resourceVersion !== resourceVersion) {
    throw new StaleError(`${owner.kind} ${name} has changed`);
  }
  return createJob(client, job);
}

async function createJob(client: Client, job: Job): Promise<Created> {
  try {
    return { kind: "Created", job: await client.create(batchJobs, job) };
  } catch (error) {
    if (isAlreadyExists(error)) return { kind: "Exists" };
    if (!isRefusal(error)) throw error;
    const words = `The API server rejects Job ${job.metadata.name}: ${error.message}`;
    const message = withFix(words, "Fix the cause that it names; the operator retries every minute.");
    return {
      kind: "Refused",
      words,
      state: { kind: "Pending", reason: "JobRefused", message, pollAfterMs: retryAfterMs },
    };
  }
}

/** The operator does not watch quotas and policies, so it polls. */
const retryAfterMs = 60_000;

/** The server understood the request and rejected it: an immediate retry cannot help. */
function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && [400, 403, 413, 422].includes(error.status) && !isNamespaceTerminating(error);
}
