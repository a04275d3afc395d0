import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { LeaseServer } from "../testing/leaseServer.ts";
import { withServer } from "../testing/server.ts";
import { until } from "../testing/until.ts";
import { Client } from "./client.ts";
import { Controller, type Result } from "./controller.ts";
import { LeaderElector } from "./leader.ts";
import { Manager } from "./manager.ts";
import { ControllerMetrics } from "./metrics.ts";
import type { Transport } from "./transport.ts";

const log = pino({ level: "silent" });
const times = { leaseDurationMs: 4_000, renewDeadlineMs: 2_000, retryPeriodMs: 30 };

interface Scene {
  lease: LeaseServer;
  /** Fills the one cache. */
  fill(): void;
  controller: Controller;
  manager: Manager;
  /** Writes as a reconcile does. */
  write(): Promise<unknown>;
}

/** A manager with one cache, one controller and a Lease. Elections and writes go over one server. */
async function scene(reconcile: () => Promise<Result>, use: (scene: Scene) => Promise<void>): Promise<void> {
  const lease = new LeaseServer();
  await withServer(lease.listener, (transport: Transport) =>
    withServer(lease.listener, async (electing: Transport) => {
      const metrics = new ControllerMetrics();
      const synced = Promise.withResolvers<void>();
      const controller = new Controller({ name: "thing", workers: 1, reconcile, metrics, log });
      const client = new Client(electing);
      const elector = new LeaderElector({ client, namespace: "n", name: "l", identity: "me", log, times });
      const reflector = {
        synced: synced.promise,
        run: (signal: AbortSignal) => new Promise<void>((end) => signal.addEventListener("abort", () => end())),
      };
      const parts = {
        name: "test",
        reflectors: [reflector],
        controllers: [controller],
        elector,
        transport,
        metrics,
        log,
      };
      const write = () => transport.json({ method: "PUT", path: "/thing", body: { metadata: {} } });
      await use({ lease, fill: synced.resolve, controller, manager: new Manager(parts), write });
    }),
  );
}

test("nothing is reconciled before every cache is filled and the Lease is held", async () => {
  let calls = 0;
  const reconcile = async () => {
    calls++;
    return {};
  };
  await scene(reconcile, async ({ lease, fill, controller, manager }) => {
    const stop = new AbortController();
    const ended = manager.run(stop.signal);
    controller.queue.add("ns/a");
    await sleep(50);
    assert.deepEqual([calls, manager.ready(), lease.lease], [0, false, undefined]);
    fill();
    await until("reconciled", () => calls === 1);
    assert.deepEqual([calls, manager.ready(), lease.lease?.spec?.holderIdentity], [1, true, "me"]);
    stop.abort();
    assert.equal(await ended, "stopped");
  });
});

test("a manager that must end finishes the running reconcile, stops writes, and only then releases the Lease", async () => {
  const seen: (string | undefined)[] = [];
  let holder = () => "" as string | undefined;
  const reconcile = async () => {
    await sleep(150);
    seen.push(holder());
    return {};
  };
  await scene(reconcile, async ({ lease, fill, controller, manager, write }) => {
    holder = () => lease.lease?.spec?.holderIdentity;
    const stop = new AbortController();
    const ended = manager.run(stop.signal);
    fill();
    controller.queue.add("ns/a");
    await until("at work", () => controller.queue.running().length === 1);
    stop.abort();
    assert.equal(await ended, "stopped");
    assert.deepEqual([seen, holder()], [["me"], ""]);
    await assert.rejects(write, /no longer the leader/);
  });
});

test("a leader that cannot renew ends as lost, and writes nothing once its Lease may be lost", async () => {
  await scene(
    async () => ({}),
    async ({ lease, fill, manager, write }) => {
      const ended = manager.run(AbortSignal.timeout(10_000));
      fill();
      await until("leading", () => lease.lease !== undefined);
      await write().catch((error: unknown) => assert.doesNotMatch(String(error), /no longer the leader/));
      lease.silent = true;
      assert.equal(await ended, "lost");
      await assert.rejects(write, /no longer the leader/);
    },
  );
});
