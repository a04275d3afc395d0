/**
 * The caches of the objects that the operator watches: its own three kinds, and the Jobs and Pods that carry its label.
 */
import type { Logger } from "pino";
import { findCondition } from "../api/conditions.ts";
import {
  type Adapter,
  adapters,
  type FineTuneJob,
  type FineTuneRun,
  fineTuneJobs,
  fineTuneRuns,
} from "../api/kinds.ts";
import { labels, managedBy } from "../api/names.ts";
import { batchJobs, type Job, type Pod, pods } from "../jobs/resources.ts";
import type { Client } from "../runtime/client.ts";
import type { KubeObject, Resource } from "../runtime/objects.ts";
import { Reflector } from "../runtime/reflector.ts";
import { Store } from "../runtime/store.ts";

export interface Caches {
  fineTuneJobs: Store<FineTuneJob, "run">;
  fineTuneRuns: Store<FineTuneRun, "owner" | "unfinished">;
  adapters: Store<Adapter, "job">;
  jobs: Store<Job, "owner">;
  pods: Store<Pod, "job">;
}

/** Index values are namespaced: `namespace/value`. */
export const inNamespace = (object: KubeObject, value: string) => `${object.metadata.namespace ?? ""}/${value}`;

export function newCaches(): Caches {
  const owners = (object: KubeObject): string[] => (object.metadata.ownerReferences ?? []).map(({ uid }) => uid);
  const label = (name: string) => (object: KubeObject) => {
    const value = object.metadata.labels?.[name];
    return value === undefined ? [] : [inNamespace(object, value)];
  };
  return {
    fineTuneJobs: new Store<FineTuneJob, "run">({
      run: (job) => (job.status?.currentRunRef ? [inNamespace(job, job.status.currentRunRef.name)] : []),
    }),
    fineTuneRuns: new Store<FineTuneRun, "owner" | "unfinished">({
      owner: owners,
      unfinished: ({ metadata, status }) =>
        ["True", "False"].includes(findCondition(status?.conditions, "Succeeded")?.status ?? "")
          ? []
          : [metadata.namespace ?? ""],
    }),
    adapters: new Store<Adapter, "job">({ job: label(labels.job) }),
    jobs: new Store<Job, "owner">({ owner: owners }),
    pods: new Store<Pod, "job">({ job: label("batch.kubernetes.io/job-name") }),
  };
}

/** One reflector per cache. Without a namespace they watch all namespaces. */
export function newReflectors(caches: Caches, client: Client, namespace: string | undefined, log: Logger) {
  const labelSelector = `${labels.managedBy}=${managedBy}`;
  const watch = <T extends KubeObject>(
    resource: Resource<T>,
    store: Pick<Store<T>, "set" | "delete" | "replace">,
    of: { labelSelector?: string; keep?: (object: T) => T } = {},
  ) => new Reflector({ client, resource, store, namespace, log, ...of });
  return [
    watch(fineTuneJobs, caches.fineTuneJobs),
    watch(fineTuneRuns, caches.fineTuneRuns),
    watch(adapters, caches.adapters, { keep: withoutCurves }),
    watch(batchJobs, caches.jobs, { labelSelector, keep: withoutTemplate }),
    watch(pods, caches.pods, { labelSelector, keep: withoutSpec }),
  ];
}

/** Drops the curves, most of an Adapter's bytes: the operator writes them once and never reads them. */
function withoutCurves(adapter: Adapter): Adapter {
  const { results } = adapter.spec;
  if (results?.curves === undefined) return adapter;
  const { curves: _, ...rest } = results;
  return { ...adapter, spec: { ...adapter.spec, results: rest } };
}

/** Drops a Job's template, which the operator only writes: its run file is most of a Job's bytes. */
function withoutTemplate(job: Job): Job {
  return job.spec === undefined ? job : { ...job, spec: { ...job.spec, template: {} } };
}

/** Drops a pod's annotations and its spec except for node and scheduler; the operator reads nothing else. */
function withoutSpec(pod: Pod): Pod {
  const { annotations: _, ...metadata } = pod.metadata;
  const { nodeName, schedulerName } = pod.spec ?? {};
  const kept = {
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(schedulerName === undefined ? {} : { schedulerName }),
  };
  return { ...pod, metadata, spec: { containers: [], ...kept } };
}
