/**
 * Creates a Job that was decided on. Caches may be old and Jobs are dear, so its owner is looked at once more, uncached:
 * only the newest view of it may start work. That the Job exists already is an answer; that the API server will not have
 * it (a quota, an admission rule, a value it cannot read) is a state to be told and looked at again, not an error.
 */
import type { Client } from "../runtime/client.ts";
import { ApiError, isAlreadyExists, isNamespaceTerminating, StaleError } from "../runtime/errors.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import type { JobState } from "./outcome.ts";
import { batchJobs, type Job } from "./resources.ts";
import { withWayOut } from "./sentence.ts";
import { type PodVariables, withVariables } from "./variables.ts";

export type Created = { kind: "Created"; job: Job } | { kind: "Exists" } | Refused;
export type Refused = { kind: "Refused"; state: JobState & { kind: "Pending" } };

/** `variables` are added to its pods. Throws `StaleError` when `owner` is no longer what the API server has. */
export async function createJobOf<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  owner: T,
  job: Job,
  variables: PodVariables = {},
): Promise<Created> {
  const { namespace = "", name, uid, resourceVersion } = owner.metadata;
  const current = await client.get(resource, { namespace, name });
  if (current?.metadata.uid !== uid || current?.metadata.resourceVersion !== resourceVersion) {
    throw new StaleError(`${owner.kind} ${name} has changed`);
  }
  return createJob(client, withVariables(job, variables));
}

async function createJob(client: Client, job: Job): Promise<Created> {
  try {
    return { kind: "Created", job: await client.create(batchJobs, job) };
  } catch (error) {
    if (isAlreadyExists(error)) return { kind: "Exists" };
    if (!isRefusal(error)) throw error;
    const words = `The API server refuses Job ${job.metadata.name}: ${error.message}`;
    const message = withWayOut(words, "Fix what it names; the operator asks again every minute.");
    return { kind: "Refused", state: { kind: "Pending", reason: "JobRefused", message, lookAgainInMs: askAgainInMs } };
  }
}

/** Quotas and policies change without a word to us. */
const askAgainInMs = 60_000;

/** The server understood and said no: asking the same again at once cannot help. */
function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && [400, 403, 413, 422].includes(error.status) && !isNamespaceTerminating(error);
}
