/** The Events of a FineTuneRun: one for each new reason, a Warning only for what needs a person or has failed; its metrics. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { json } from "node:stream/consumers";
import { test } from "node:test";
import pino from "pino";
import { Registry } from "prom-client";
import { type Curve, formatCurves } from "../../trainer/contract/curves.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { Client } from "../runtime/client.ts";
import { EventRecorder } from "../runtime/events.ts";
import { isRecord, ownerReference } from "../runtime/objects.ts";
import { newCaches } from "../shared/caches.ts";
import { aBatchJob, anEnvelope, aPinnedJob, aPod, aRun, now, trainer, trainFigures } from "../testing/builders.ts";
import { withServer } from "../testing/server.ts";
import { currentAttempt } from "./attempts.ts";
import { FineTuneRunReconciler } from "./controller.ts";
import { FineTuningMetrics } from "./metrics.ts";

type Ended = { type: "Complete" | "Failed"; reason?: string };
type Change = { named?: true; pod?: Parameters<typeof aPod>[0]; ended?: Ended };

/**
 * Reconciles the run after each change of the cluster; returns the Events of each reconcile, and the metrics and the run at the
 * end. `log` is that of every pod.
 */
async function lifeOf(
  changes: readonly Change[],
  log = "",
): Promise<{ events: string[][]; metrics: string; run: FineTuneRun }> {
  const job = aPinnedJob();
  let run: FineTuneRun = aRun(job);
  const caches = newCaches();
  const told: string[] = [];
  /** An API server that accepts every write and has nothing that the caches lack. */
  const listener: RequestListener = async (request, response) => {
    if (request.url?.includes("/log?") && log !== "") return void response.end(log);
    const status = request.url?.includes("/status") === true;
    const body = request.method === "GET" ? undefined : await json(request);
    if (request.method === "POST" && isRecord(body)) told.push(`${body.type} ${body.reason}: ${body.message}`);
    if (status && Array.isArray(body)) run = { ...run, status: body[1].value };
    response.writeHead(request.method === "GET" ? 404 : 200).end(JSON.stringify(status ? run : (body ?? {})));
  };
  const all: string[][] = [];
  const registry = new Registry();
  await withServer(listener, async (transport) => {
    const client = new Client(transport);
    const silent = pino({ level: "silent" });
    const events = new EventRecorder({ client, component: "luthier-operator", instance: "test", log: silent });
    const metrics = new FineTuningMetrics(registry, caches, () => true);
    const reconciler = new FineTuneRunReconciler({
      client,
      caches,
      events,
      metrics,
      clock: () => now,
      ...trainer,
      concurrentRuns: undefined,
    });
    for (const [index, { named, pod, ended }] of changes.entries()) {
      const resourceVersion = String(index + 2);
      const { name } = run.metadata;
      const ref = named ? { currentRunRef: { name, uid: "run-uid" } } : {};
      caches.fineTuneJobs.set({
        ...job,
        metadata: { ...job.metadata, resourceVersion },
        status: { ...job.status, ...ref },
      });
      run = { ...run, metadata: { ...run.metadata, resourceVersion } };
      caches.fineTuneRuns.set(run);
      if (pod !== undefined) {
        const batchJob = aBatchJob(ended);
        const jobName = currentAttempt(run.status)?.jobName ?? "";
        const ownerReferences = [ownerReference(run, { controller: true })];
        caches.jobs.set({
          ...batchJob,
          metadata: { ...batchJob.metadata, name: jobName, ownerReferences, resourceVersion },
        });
        const labels = { "batch.kubernetes.io/job-name": jobName };
        const one = aPod(pod);
        caches.pods.set({ ...one, metadata: { ...one.metadata, labels, resourceVersion } });
      }
      told.length = 0;
      await reconciler.reconcile(`team/${name}`);
      all.push([...told]);
    }
  });
  return { events: all, metrics: await registry.metrics(), run };
}

const report = anEnvelope({ stage: "Train", figures: trainFigures(aRun(aPinnedJob()).spec.runHash) });

test("an undisturbed life has one Event for each state, none of them a Warning", async () => {
  const { events, metrics } = await lifeOf([
    {},
    {},
    { named: true },
    { named: true, pod: {} },
    { named: true, pod: { running: true } },
    { named: true, pod: { running: true } },
    { named: true, pod: { exitCode: 0, message: report } },
    { named: true, pod: { exitCode: 0, message: report }, ended: { type: "Complete" } },
    { named: true, pod: { exitCode: 0, message: report }, ended: { type: "Complete" } },
  ]);
  assert.deepEqual(events, [
    ["Normal Starting: Waiting until FineTuneJob bot adopts this run."],
    [],
    ["Normal Pending: Starting the training."],
    [],
    ["Normal Training: The training pod is running."],
    [],
    [],
    ["Normal Completed: done"],
    [],
  ]);
  const lines = metrics.split("\n").filter((line) => /^luthier_/.test(line) && !/_bucket/.test(line));
  assert.deepEqual(lines, [
    'luthier_finetunejobs{namespace="team",state="New"} 1',
    'luthier_finetuneruns{namespace="team",state="Succeeded"} 1',
    'luthier_attempts_total{namespace="team",outcome="Succeeded",reason="Completed"} 1',
    'luthier_resumes_total{namespace="team"} 0',
    'luthier_trained_tokens_total{namespace="team"} 3000',
    "luthier_queue_seconds_sum 0",
    "luthier_queue_seconds_count 1",
    "luthier_training_seconds_sum 60.1",
    "luthier_training_seconds_count 1",
    'luthier_peak_bytes_sum{source="Planned"} 100',
    'luthier_peak_bytes_count{source="Planned"} 1',
    'luthier_peak_bytes_sum{source="Measured"} 90',
    'luthier_peak_bytes_count{source="Measured"} 1',
    "luthier_peak_ratio_sum 0.9",
    "luthier_peak_ratio_count 1",
  ]);
});

test("a pod that no node accepts and a failed training are Warnings", async () => {
  const failed = anEnvelope({
    stage: "Train",
    outcome: "Failed",
    reason: "Diverged",
    message: "the loss is not finite",
  });
  const { events, metrics } = await lifeOf([
    { named: true },
    { named: true, pod: { unschedulable: "no room" } },
    { named: true, pod: { running: true } },
    { named: true, pod: { exitCode: 21, message: failed }, ended: { type: "Failed", reason: "PodFailurePolicy" } },
  ]);
  const heads = events.map((told) => told.map((one) => one.split(":")[0]));
  assert.deepEqual(heads, [["Normal Pending"], ["Warning Unschedulable"], ["Normal Training"], ["Warning Diverged"]]);
  assert.match(metrics, /^luthier_attempts_total\{namespace="team",outcome="Failed",reason="Diverged"\} 1$/m);
});

test("the results have the curves that the log of the run's own pod ends with", async () => {
  const { runHash } = aRun(aPinnedJob()).spec;
  const curves: Curve[] = [{ name: "Loss", points: "1:3 60:0.1235" }];
  const ended = { named: true, pod: { exitCode: 0, message: report }, ended: { type: "Complete" } } as const;
  const kept = async (...lines: string[]) => {
    const { run } = await lifeOf([{ named: true }, ended], `${lines.join("\n")}\n`);
    assert.equal(run.status?.results?.steps, 60);
    return run.status?.results?.curves;
  };
  const progress = '{"phase":"Saving","done":1,"total":1,"unit":"tensors","time":"2026-01-02T03:03:00Z"}';
  assert.deepEqual(await kept(progress, formatCurves(runHash, curves), "Succeeded: Trained: 60 steps"), curves);
  assert.equal(await kept(progress, formatCurves("another", curves)), undefined);
});
