/**
 * Deletes an outdated Job that has not started, so that the operator recreates it. I/O. It never deletes a Job whose pod
 * runs: it reads the pods again, uncached. A pod that starts in between stops as after any deletion. The Job is gone only
 * after its pods, so that two pods never run at once.
 */
import type { Client } from "../runtime/client.ts";
import { StaleError } from "../runtime/errors.ts";
import { isRunning } from "./outcome.ts";
import { batchJobs, type Job, pods } from "./resources.ts";

/** Throws `StaleError` when a pod of it runs; the cache does not show it yet. */
export async function deleteUnstarted(client: Client, job: Job): Promise<void> {
  const { name, namespace } = job.metadata;
  const { items } = await client.list(pods, { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` });
  if (items.some(isRunning)) throw new StaleError(`a pod of Job ${name} runs`);
  await client.delete(batchJobs, job, "Foreground");
}
