import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { until } from "../testing/until.ts";
import { Controller, type Result } from "./controller.ts";
import { ApiError, StaleError, TerminalError, WritesStoppedError } from "./errors.ts";
import { ControllerMetrics } from "./metrics.ts";

const metrics = () => new ControllerMetrics();
const aController = (reconcile: (key: string) => Promise<Result>, workers = 2, measured = metrics()) =>
  new Controller({ name: "thing", workers, reconcile, metrics: measured, log: pino({ level: "silent" }) });

/** The number of reconciles of a key whose first one throws `error`, and the counted outcomes. */
async function afterThrowing(error: unknown, expected: number): Promise<{ calls: number; metrics: string }> {
  let calls = 0;
  const measured = metrics();
  const controller = aController(
    async () => {
      if (calls++ === 0) throw error;
      return {};
    },
    1,
    measured,
  );
  controller.start();
  controller.queue.add("ns/a");
  await until("as many tries as expected", () => calls >= expected);
  // One too many would come after 5 ms.
  await sleep(50);
  await controller.drain();
  return { calls, metrics: await measured.registry.metrics() };
}

const errors = [
  { name: "an error", error: new Error("x"), calls: 2 },
  { name: "a conflict", error: new ApiError(409, "Conflict", ""), calls: 2 },
  { name: "a stale object", error: new StaleError("x"), calls: 2 },
  { name: "a terminal error", error: new TerminalError("x"), calls: 1 },
  {
    name: "a namespace that is being deleted",
    error: new ApiError(403, "Forbidden", "x because it is being terminated"),
    calls: 1,
  },
  { name: "writes that are stopped", error: new WritesStoppedError(), calls: 1 },
];
for (const { name, error, calls } of errors) {
  test(`${name} causes ${calls === 1 ? "no retry" : "a retry"}`, async () => {
    assert.equal((await afterThrowing(error, calls)).calls, calls);
  });
}

test("each outcome is counted under controller-runtime's names", async () => {
  const counted = (await afterThrowing(new TerminalError("x"), 1)).metrics;
  assert.match(counted, /controller_runtime_reconcile_total\{controller="thing",result="error"\} 1/);
  assert.match(counted, /controller_runtime_terminal_reconcile_errors_total\{controller="thing"\} 1/);
  assert.match(counted, /workqueue_work_duration_seconds_count\{name="thing",controller="thing"\} 1/);
  assert.match(counted, /controller_runtime_max_concurrent_reconciles\{controller="thing"\} 1/);
});

test("the metrics show work in progress while it lasts", async () => {
  const measured = metrics();
  const release = Promise.withResolvers<void>();
  const controller = aController(() => release.promise.then(() => ({})), 2, measured);
  controller.start();
  controller.queue.add("ns/a");
  await until("at work", () => controller.queue.running().length === 1);
  assert.match(await measured.registry.metrics(), /controller_runtime_active_workers\{controller="thing"\} 1/);
  release.resolve();
  await controller.drain();
  const after = await measured.registry.metrics();
  assert.match(after, /controller_runtime_active_workers\{controller="thing"\} 0/);
  assert.match(after, /workqueue_unfinished_work_seconds\{name="thing",controller="thing"\} 0/);
});

test("one worker at a time has a key, however often it is added, and once more if it was added meanwhile", async () => {
  let [running, most, calls] = [0, 0, 0];
  const added = Promise.withResolvers<void>();
  const controller = aController(async () => {
    most = Math.max(most, ++running);
    calls++;
    await added.promise;
    running--;
    return {};
  }, 4);
  controller.start();
  for (let add = 0; add < 5; add++) {
    controller.queue.add("ns/a");
    await sleep(1);
  }
  added.resolve();
  await until("worked on again", () => calls === 2);
  await controller.drain();
  assert.deepEqual([most, calls], [1, 2]);
});

test("a requeued object is reconciled again, a settled one is not", async () => {
  let calls = 0;
  const controller = aController(async () => (++calls < 3 ? { requeueAfterMs: 5 } : {}));
  controller.start();
  controller.queue.add("ns/a");
  await until("looked at three times", () => calls === 3);
  await sleep(50);
  await controller.drain();
  assert.equal(calls, 3);
});

test("draining waits for running work and takes no new work", async () => {
  const done: string[] = [];
  const controller = aController(async (key) => {
    await sleep(20);
    done.push(key);
    return { requeueAfterMs: 1 };
  });
  controller.start();
  controller.queue.add("ns/a");
  await until("at work", () => controller.queue.running().length === 1);
  const drained = controller.drain();
  controller.queue.add("ns/b");
  await drained;
  assert.deepEqual(done, ["ns/a"]);
});
