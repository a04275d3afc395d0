import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { LeaseServer } from "../testing/leaseServer.ts";
import { withServer } from "../testing/server.ts";
import { Client } from "./client.ts";
import { claim, LeaderElector, type Lease } from "./leader.ts";

const lease = (holderIdentity: string): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "l" },
  spec: { holderIdentity, leaseDurationSeconds: 15 },
});

const cases = [
  { name: "no Lease is created", lease: undefined, unchangedMs: 0, expected: "create" },
  { name: "the process's own Lease is renewed", lease: lease("me"), unchangedMs: 100_000, expected: "renew" },
  { name: "a released Lease is taken", lease: lease(""), unchangedMs: 0, expected: "takeOver" },
  { name: "another's fresh Lease is respected", lease: lease("other"), unchangedMs: 15_000, expected: "wait" },
  {
    name: "another's Lease that did not change for its duration is taken",
    lease: lease("other"),
    unchangedMs: 15_001,
    expected: "takeOver",
  },
] as const;

for (const { name, expected, ...observed } of cases) {
  test(name, () => assert.equal(claim(observed, "me"), expected));
}

const times = { leaseDurationMs: 3_000, renewDeadlineMs: 1_500, retryPeriodMs: 50 };

async function withElectors(
  use: (server: LeaseServer, elector: (identity: string) => LeaderElector) => Promise<void>,
): Promise<void> {
  const server = new LeaseServer();
  await withServer(server.listener, (transport) => {
    const common = { client: new Client(transport), namespace: "n", name: "l", log: pino({ level: "silent" }), times };
    return use(server, (identity) => new LeaderElector({ ...common, identity }));
  });
}

const patient = () => AbortSignal.timeout(15_000);

describe("an elector", () => {
  test("an elector holds the Lease while it can renew, and reports its loss soon after it cannot", () =>
    withElectors(async (server, elector) => {
      const me = elector("me");
      await me.acquire(patient());
      const held = me.hold(patient());
      await sleep(2_000);
      assert.ok(me.holds());
      server.silent = true;
      const started = performance.now();
      assert.equal(await held, "lost");
      assert.ok(!me.holds() && performance.now() - started < 2_500);
    }));

  test("an elector in a process stopped for longer than the deadline does not hold the Lease, even before it checks", () =>
    withElectors(async (_, elector) => {
      const me = elector("me");
      await me.acquire(patient());
      const end = performance.now() + 1_600;
      // Like a stopped process: nothing runs meanwhile, not even timers.
      while (performance.now() < end);
      assert.equal(me.holds(), false);
    }));

  test("an elector that observes another holder is lost at once", () =>
    withElectors(async (server, elector) => {
      const me = elector("me");
      await me.acquire(patient());
      const held = me.hold(patient());
      server.put(lease("other"));
      const started = performance.now();
      assert.equal(await held, "lost");
      assert.ok(performance.now() - started < 1_000);
    }));

  test("an elector takes over a Lease that is not renewed, but not before it expires", () =>
    withElectors(async (server, elector) => {
      await elector("old").acquire(patient());
      const started = performance.now();
      await elector("new").acquire(patient());
      assert.ok(performance.now() - started > 2_900);
      assert.equal(server.lease?.spec?.holderIdentity, "new");
      assert.equal(server.lease?.spec?.leaseTransitions, 1);
    }));

  test("an elector releases the Lease when it is stopped, so that the next process need not wait", () =>
    withElectors(async (server, elector) => {
      const me = elector("me");
      await me.acquire(patient());
      const stop = new AbortController();
      const held = me.hold(stop.signal);
      stop.abort();
      assert.equal(await held, "released");
      assert.equal(server.lease?.spec?.holderIdentity, "");
      const started = performance.now();
      await elector("next").acquire(patient());
      assert.ok(performance.now() - started < 1_500);
    }));
});
