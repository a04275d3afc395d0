/** The metrics of fine-tunings: their values, their bounds, and the leader's sole right to count objects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { newCaches } from "../shared/caches.ts";
import { aJob, aPinnedJob, aRun } from "../testing/builders.ts";
import { FineTuningMetrics } from "./metrics.ts";

async function linesOf(registry: Registry, pattern: RegExp): Promise<string[]> {
  return (await registry.metrics()).split("\n").filter((line) => pattern.test(line));
}

function filled() {
  const caches = newCaches();
  const states = { a: "Training", b: "Training", c: "Queued" };
  for (const [name, state] of Object.entries(states)) {
    const job = aJob(undefined, { state });
    caches.fineTuneJobs.set({ ...job, metadata: { ...job.metadata, name } });
  }
  const run = aRun(aPinnedJob(), { state: "Training", progress: { tokensPerSecond: "1234.5", updatedAt: "" } });
  for (const name of ["run-a", "run-b"]) caches.fineTuneRuns.set({ ...run, metadata: { ...run.metadata, name } });
  const poisoned = { state: "Training", progress: { tokensPerSecond: "many", updatedAt: "" } };
  caches.fineTuneRuns.set({ ...run, metadata: { ...run.metadata, name: "run-c" }, status: poisoned });
  return caches;
}

test("gauges count the present objects, and an object that is gone is no longer counted", async () => {
  const registry = new Registry();
  const caches = filled();
  new FineTuningMetrics(registry, caches, () => true);
  assert.deepEqual(await linesOf(registry, /^luthier_(fine|training_tokens)/), [
    'luthier_finetunejobs{namespace="team",state="Training"} 2',
    'luthier_finetunejobs{namespace="team",state="Queued"} 1',
    'luthier_finetuneruns{namespace="team",state="Training"} 3',
    'luthier_training_tokens_per_second{namespace="team"} 2469',
  ]);
  caches.fineTuneJobs.delete("team/c");
  assert.doesNotMatch(await registry.metrics(), /Queued/);
});

test("a replica that does not lead counts no objects", async () => {
  const registry = new Registry();
  new FineTuningMetrics(registry, filled(), () => false);
  assert.deepEqual(await linesOf(registry, /^luthier_(fine|training_tokens)/), []);
});

test("reports with ever new reasons add at most 65 series", async () => {
  const registry = new Registry();
  const metrics = new FineTuningMetrics(registry, newCaches(), () => true);
  for (let index = 0; index < 1000; index++)
    metrics.record("team", [{ kind: "AttemptEnded", outcome: "Failed", reason: `Forged${index}` }]);
  const lines = await linesOf(registry, /^luthier_attempts_total/);
  assert.equal(lines.length, 65);
  assert.equal(lines.at(-1), 'luthier_attempts_total{namespace="team",outcome="Failed",reason="Other"} 936');
});
