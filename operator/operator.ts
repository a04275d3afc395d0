/**
 * Assembles the operator: caches, three controllers, the notifier if there is a webhook, and the map from changes to reconciled
 * objects.
 */
import type { KubeConfig } from "@kubernetes/client-node";
import type { Logger } from "pino";
import { AdapterReconciler } from "./adapter/controller.ts";
import type { Adapter } from "./api/kinds.ts";
import { labels, managedBy } from "./api/names.ts";
import type { Configuration } from "./configuration.ts";
import { FineTuneJobReconciler } from "./finetunejob/controller.ts";
import { Planner } from "./finetunejob/planner.ts";
import { FineTuneRunReconciler } from "./finetunerun/controller.ts";
import { FineTuningMetrics } from "./finetunerun/metrics.ts";
import { wokenBy } from "./finetunerun/turns.ts";
import { Notifier } from "./notifications/notifier.ts";
import { Authorizer } from "./runtime/authorization.ts";
import { Client } from "./runtime/client.ts";
import { systemClock } from "./runtime/clock.ts";
import { Controller, type Result } from "./runtime/controller.ts";
import { EventRecorder } from "./runtime/events.ts";
import { LeaderElector } from "./runtime/leader.ts";
import { Manager } from "./runtime/manager.ts";
import { ControllerMetrics } from "./runtime/metrics.ts";
import { type KubeObject, keyOf } from "./runtime/objects.ts";
import { Transport } from "./runtime/transport.ts";
import { type Caches, newCaches, newReflectors } from "./shared/caches.ts";

const workers = 4;
/** An attempt at the Lease is short, and only the elector retries it. */
const leaseCalls = { requestTimeoutMs: 5_000, maxAttempts: 1 };
/** A scraper waits for the answer. */
const reviewCalls = { requestTimeoutMs: 5_000, maxAttempts: 2 };

export interface Operator {
  manager: Manager;
  metrics: ControllerMetrics;
  /** Asks the API server also while this process does not lead. */
  authorizer: Authorizer;
}

export function newOperator(kubeConfig: KubeConfig, configuration: Configuration, log: Logger): Operator {
  const metrics = new ControllerMetrics(hostOf(kubeConfig));
  const calls = {
    userAgent: managedBy,
    onResponse: (method: string, code: number) => metrics.responded(method, code),
  };
  const transport = new Transport(kubeConfig, calls);
  const client = new Client(transport);
  const caches = newCaches();
  const clock = systemClock;
  const { trainerImage, pods, identity, namespace, concurrentRuns } = configuration;
  const events = new EventRecorder({ client, component: managedBy, instance: identity, log });
  const fineTuning = new FineTuningMetrics(metrics.registry, caches, () => manager.leads());
  const controller = (name: string, reconciler: { reconcile(key: string): Promise<Result> }) =>
    new Controller({ name, workers, metrics, log, reconcile: (key) => reconciler.reconcile(key) });
  const controllers = {
    jobs: controller(
      "finetunejob",
      new FineTuneJobReconciler({ client, caches, planner: new Planner(), trainerImage, pods, events, clock }),
    ),
    runs: controller(
      "finetunerun",
      new FineTuneRunReconciler({
        client,
        caches,
        events,
        clock,
        trainerImage,
        pods,
        metrics: fineTuning,
        concurrentRuns,
      }),
    ),
    adapters: controller("adapter", new AdapterReconciler({ client, caches, events, clock, trainerImage, pods })),
  };
  wake(caches, controllers);
  const { notifications: directory, certificates } = configuration;
  const notifier =
    directory &&
    controller(
      "notification",
      new Notifier({ caches, directory, clock, log, registry: metrics.registry, certificates }),
    );
  if (notifier) wakeNotifier(caches, notifier);
  const { leaderElection } = configuration;
  const elector =
    leaderElection &&
    new LeaderElector({
      client: new Client(new Transport(kubeConfig, { ...calls, ...leaseCalls })),
      ...leaderElection,
      identity,
      log,
    });
  const manager: Manager = new Manager({
    name: managedBy,
    reflectors: newReflectors(caches, client, namespace, log),
    controllers: [...Object.values(controllers), ...(notifier ? [notifier] : [])],
    elector,
    transport,
    metrics,
    log,
  });
  const authorizer = new Authorizer(new Transport(kubeConfig, { ...calls, ...reviewCalls }));
  return { manager, metrics, authorizer };
}

/** The API server's host and port, a label of the metrics of requests. */
function hostOf(kubeConfig: KubeConfig): string {
  const { server = "" } = kubeConfig.getCurrentCluster() ?? {};
  return URL.canParse(server) ? new URL(server).host : "";
}

/** Maps each change to the objects to reconcile. */
function wake(caches: Caches, controllers: { jobs: Controller; runs: Controller; adapters: Controller }): void {
  const { jobs, runs, adapters } = controllers;
  caches.fineTuneJobs.onChange((change) => {
    jobs.queue.add(keyOf(change.object));
    // The job may expect a run that its status does not name.
    for (const run of caches.fineTuneRuns.byIndex("owner", change.object.metadata.uid ?? ""))
      runs.queue.add(keyOf(run));
    // A run runs while a job wants it: reconcile the run that the job names now and the one that it named before.
    for (const job of change.type === "Modified" ? [change.object, change.previous] : [change.object]) {
      const name = job.status?.currentRunRef?.name;
      if (name === undefined) continue;
      const run = `${job.metadata.namespace}/${name}`;
      runs.queue.add(run);
      // The placement of another job may apply now.
      for (const other of caches.fineTuneJobs.byIndex("run", run)) jobs.queue.add(keyOf(other));
    }
  });
  caches.fineTuneRuns.onChange((change) => {
    const { object } = change;
    runs.queue.add(keyOf(object));
    wakeOwners(object, "FineTuneJob", jobs);
    for (const other of wokenBy(change, caches.fineTuneRuns)) runs.queue.add(keyOf(other));
  });
  caches.adapters.onChange(({ object }) => {
    adapters.queue.add(keyOf(object));
    wakeJobOf(object, jobs);
  });
  const wakeJobOwners = (job: KubeObject) => {
    wakeOwners(job, "FineTuneJob", jobs);
    wakeOwners(job, "FineTuneRun", runs);
    wakeOwners(job, "Adapter", adapters);
  };
  caches.jobs.onChange(({ object }) => wakeJobOwners(object));
  caches.pods.onChange(({ object }) => {
    const name = object.metadata.labels?.["batch.kubernetes.io/job-name"];
    const job = name === undefined ? undefined : caches.jobs.get(`${object.metadata.namespace}/${name}`);
    if (job) wakeJobOwners(job);
  });
}

function wakeNotifier(caches: Caches, notifier: Controller): void {
  caches.fineTuneJobs.onChange(({ object }) => notifier.queue.add(keyOf(object)));
  caches.adapters.onChange(({ object }) => wakeJobOf(object, notifier));
}

function wakeJobOf({ metadata }: Adapter, controller: Controller): void {
  const job = metadata.labels?.[labels.job];
  if (job !== undefined) controller.queue.add(`${metadata.namespace}/${job}`);
}

function wakeOwners(object: KubeObject, kind: string, controller: Controller): void {
  for (const owner of object.metadata.ownerReferences ?? []) {
    if (owner.kind === kind) controller.queue.add(`${object.metadata.namespace}/${owner.name}`);
  }
}
