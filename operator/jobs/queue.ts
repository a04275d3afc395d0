/**
 * Kueue: the labels that put a Job into a queue, and its words about a Job that waits. Pure. Kueue suspends a Job with the
 * label and resumes it when its quota allows; it records why not in a Workload object of the Job.
 */
import type { ResolvedPlacement } from "../api/common.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import type { Job } from "./resources.ts";
import { sentence } from "./sentence.ts";

const group = "kueue.x-k8s.io";
const queueLabel = `${group}/queue-name`;
const priorityLabel = `${group}/priority-class`;

export interface Workload extends KubeObject {
  status?: { conditions?: readonly { type: string; status: string; message?: string | undefined }[] };
}

/** The versions that Kueue serves, newest first. */
export const workloadVersions: readonly Resource<Workload>[] = ["v1beta2", "v1beta1"].map((version) => ({
  ...{ group, version, plural: "workloads", kind: "Workload" },
}));

/** Selects the Workload of a Job. */
export const workloadSelector = (job: Job) => `${group}/job-uid=${job.metadata.uid ?? ""}`;

export function queueLabels({ queue }: Pick<ResolvedPlacement, "queue">): Record<string, string> {
  if (queue === undefined) return {};
  const { name, priorityClass } = queue;
  return { [queueLabel]: name, ...(priorityClass === undefined ? {} : { [priorityLabel]: priorityClass }) };
}

/** The queue of a Job, also one that Kueue gave it: that of a namespace's default LocalQueue. */
export const queueOf = ({ metadata }: Job) => metadata.labels?.[queueLabel];

/** Kueue's reasons why the Job waits; undefined while it has none. */
export function workloadWords({ status }: Workload): string | undefined {
  const condition = (type: string, is: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === is)?.message;
  const reasons = [
    condition("Evicted", "True"),
    condition("QuotaReserved", "False"),
    condition("QuotaReserved", "True") === undefined ? undefined : condition("Admitted", "False"),
  ].filter((message) => message !== undefined && message !== "");
  return reasons.length === 0 ? undefined : [...new Set(reasons)].map((reason) => sentence(reason ?? "")).join(" ");
}

/** The message of a Job that waits in a queue. */
export const queuedWords = ({ metadata }: Job, queue: string, words: string | undefined) =>
  words === undefined
    ? `Job ${metadata.name} waits in the queue ${queue}.`
    : `Job ${metadata.name} waits in the queue ${queue}: ${words}`;
