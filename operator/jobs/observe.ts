/** Reads a Job and its pods as one state. I/O: it asks the API server before an object missing in the caches counts as absent. */
import type { Curve } from "../../trainer/contract/curves.ts";
import type { Progress } from "../../trainer/contract/progress.ts";
import type { Client } from "../runtime/client.ts";
import type { Clock } from "../runtime/clock.ts";
import { ApiError } from "../runtime/errors.ts";
import type { KubeObject } from "../runtime/objects.ts";
import type { Store } from "../runtime/store.ts";
import { type JobState, jobState } from "./outcome.ts";
import { lastCurves, lastProgress } from "./progress.ts";
import { queuedWords, queueOf, type Workload, workloadSelector, workloadVersions, workloadWords } from "./queue.ts";
import { containerName } from "./render.ts";
import { batchJobs, type Job, type Pod, pods } from "./resources.ts";
import { isUnexplained, warned } from "./waiting.ts";
import { newestWarning } from "./warnings.ts";

export interface JobObserver {
  client: Client;
  jobs: Store<Job, "owner">;
  pods: Store<Pod, "job">;
  clock: Clock;
}

export interface ObservedJob {
  job: Job | undefined;
  state: JobState | { kind: "Foreign" };
}

export async function observeJob(observer: JobObserver, owner: KubeObject, name: string): Promise<ObservedJob> {
  const namespace = owner.metadata.namespace ?? "";
  const job = observer.jobs.get(`${namespace}/${name}`) ?? (await observer.client.get(batchJobs, { namespace, name }));
  if (job === undefined) return { job, state: { kind: "Absent" } };
  const ours = job.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid);
  if (!ours) return { job, state: { kind: "Foreign" } };
  const known = observer.pods.byIndex("job", `${namespace}/${name}`);
  const state = jobState(job, known);
  if (state.kind === "Pending") return { job, state: await explained(observer, job, known, state) };
  if (!lacksWords(state)) return { job, state };
  // The watch may show the Job's end before its pod's: list the pods before the report counts as lost.
  const { items } = await observer.client.list(pods, {
    namespace,
    labelSelector: `batch.kubernetes.io/job-name=${name}`,
  });
  return { job, state: jobState(job, items) };
}

/** Longer than a pod usually needs to start. */
const patienceMs = 10_000;
const pollAfterMs = 10_000;

/** Explains a long wait without a known cause by the newest warning Event. */
async function explained(
  { client, clock }: JobObserver,
  job: Job,
  known: readonly Pod[],
  state: JobState & { kind: "Pending" },
): Promise<JobState> {
  const queue = state.reason === "Queued" ? queueOf(job) : undefined;
  if (queue !== undefined) return { ...state, ...(await inQueue(client, job, queue)) };
  if (!isUnexplained(state)) return state;
  const subject = known.find(({ metadata }) => metadata.deletionTimestamp === undefined) ?? job;
  const waitedMs = clock().getTime() - Date.parse(subject.metadata.creationTimestamp ?? "");
  if (!(waitedMs >= patienceMs)) return { ...state, pollAfterMs };
  const warning = await newestWarning(client, subject);
  return { ...state, ...(warning === undefined ? {} : warned(warning, job)), pollAfterMs };
}

const queueWords = { soonMs: 10_000, laterMs: 60_000 };

/** Kueue's words about a Job in a queue. The operator does not watch Kueue's objects, so it polls. */
async function inQueue(client: Client, job: Job, queue: string) {
  const words = (await workloadOf(client, job)).map(workloadWords).find((one) => one !== undefined);
  const pollAfterMs = words === undefined ? queueWords.soonMs : queueWords.laterMs;
  return { message: queuedWords(job, queue, words), pollAfterMs };
}

/** None if Kueue is not installed, or the operator may not read its objects. */
async function workloadOf(client: Client, job: Job): Promise<Workload[]> {
  const { namespace } = job.metadata;
  for (const version of workloadVersions) {
    try {
      return (await client.list(version, { namespace, labelSelector: workloadSelector(job) })).items;
    } catch (error) {
      if (!(error instanceof ApiError) || ![403, 404].includes(error.status)) throw error;
    }
  }
  return [];
}

function lacksWords(state: JobState): boolean {
  switch (state.kind) {
    case "Succeeded":
      return state.envelope === undefined;
    case "Failed":
      return state.failure.exitCode === undefined;
    default:
      return false;
  }
}

/** The last progress line of a pod's log; undefined when there is none, or the log cannot be read now. */
export async function readProgress(client: Client, pod: Pod): Promise<Progress | undefined> {
  return lastProgress(await logEnd(client, pod, { tailLines: 5, limitBytes: 16_384 }));
}

/** The end of an ended training's log: its last progress, and the curves of this run. */
export async function readEnd(client: Client, pod: Pod, runHash: string): Promise<LogEnd> {
  // The node may keep a long line in parts, and counts each as a line.
  const log = await logEnd(client, pod, { tailLines: 20, limitBytes: 131_072 });
  return { progress: lastProgress(log), curves: lastCurves(log, runHash) };
}

export interface LogEnd {
  progress?: Progress | undefined;
  curves?: readonly Curve[] | undefined;
}

async function logEnd(client: Client, pod: Pod, size: { tailLines: number; limitBytes: number }): Promise<string> {
  const { name, namespace = "" } = pod.metadata;
  try {
    return await client.log({ namespace, name }, { container: containerName, ...size });
  } catch {
    // The container is starting or gone; the next read distinguishes the two.
    return "";
  }
}
