/**
 * Deletes a Job that has not started, so that it is made again as it should be by now. I/O. A Job whose pod runs is never
 * deleted for that: the pods are read once more, uncached. A pod that starts in the moment between is asked to stop as by
 * any deletion, and the Job is gone only after its pods, so that no two of them run.
 */
import type { Client } from "../runtime/client.ts";
import { StaleError } from "../runtime/errors.ts";
import { isRunning } from "./outcome.ts";
import { batchJobs, type Job, pods } from "./resources.ts";

/** Throws `StaleError` when a pod of it runs: that is on its way to the cache. */
export async function deleteUnstarted(client: Client, job: Job): Promise<void> {
  const { name, namespace } = job.metadata;
  const { items } = await client.list(pods, { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}` });
  if (items.some(isRunning)) throw new StaleError(`a pod of Job ${name} runs`);
  await client.delete(batchJobs, job, "Foreground");
}
