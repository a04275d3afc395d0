/** Kueue's words about a Job that waits, read from a server in place of the API server. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { test } from "node:test";
import { Client } from "../runtime/client.ts";
import { ownerReference } from "../runtime/objects.ts";
import { newCaches } from "../shared/caches.ts";
import { aBatchJob, aPinnedJob, aRun, now } from "../testing/builders.ts";
import { withServer } from "../testing/server.ts";
import { observeJob } from "./observe.ts";
import { workloadWords } from "./queue.ts";

const workload = (...conditions: { type: string; status: string; message?: string }[]) => ({
  ...{ apiVersion: "kueue.x-k8s.io/v1beta2", kind: "Workload", metadata: { name: "job-a" } },
  status: { conditions },
});

const noQuota =
  "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 2 more needed";
const cases = [
  { name: "a new Workload has no words", conditions: [], words: undefined },
  {
    name: "a missing quota is named",
    conditions: [{ type: "QuotaReserved", status: "False", message: noQuota }],
    words: `${noQuota}.`,
  },
  {
    name: "a preemption is named before the missing quota",
    conditions: [
      { type: "QuotaReserved", status: "False", message: noQuota },
      { type: "Evicted", status: "True", message: "Preempted to accommodate a higher priority Workload." },
    ],
    words: `Preempted to accommodate a higher priority Workload. ${noQuota}.`,
  },
  {
    name: "an open admission check is named",
    conditions: [
      { type: "QuotaReserved", status: "True", message: "Quota reserved in ClusterQueue a" },
      { type: "Admitted", status: "False", message: "The workload has not all checks ready" },
    ],
    words: "The workload has not all checks ready.",
  },
  {
    name: "an admitted Workload has no words",
    conditions: [
      { type: "QuotaReserved", status: "True", message: "Quota reserved in ClusterQueue a" },
      { type: "Admitted", status: "True", message: "The workload is admitted" },
    ],
    words: undefined,
  },
];
for (const { name, conditions, words } of cases)
  test(name, () => assert.equal(workloadWords(workload(...conditions)), words));

/** The message and the next look of a suspended Job with `labels`, on a server that answers requests for Workloads. */
async function observed(labels: Record<string, string>, listener: RequestListener) {
  const run = aRun(aPinnedJob());
  const caches = newCaches();
  const job = aBatchJob();
  const metadata = { ...job.metadata, labels, ownerReferences: [ownerReference(run, { controller: true })] };
  caches.jobs.set({ ...job, metadata, spec: { suspend: true, template: {} } });
  const asked: string[] = [];
  let seen: unknown[] = [];
  await withServer(
    (request, response) => {
      asked.push(decodeURIComponent(request.url ?? ""));
      listener(request, response);
    },
    async (transport) => {
      const { state } = await observeJob({ client: new Client(transport), clock: () => now, ...caches }, run, "job");
      assert.ok(state.kind === "Pending");
      seen = [state.reason, state.message, state.pollAfterMs];
    },
  );
  return { asked, seen };
}

const inQueue = { "kueue.x-k8s.io/queue-name": "team-a" };
const answer = (items: object[]) => JSON.stringify({ metadata: {}, items });

test("the condition of a Job in a queue has Kueue's own words, which are read again in a minute", async () => {
  const { asked, seen } = await observed(inQueue, (_, response) => {
    response.end(answer([workload({ type: "QuotaReserved", status: "False", message: noQuota })]));
  });
  assert.deepEqual(seen, ["Queued", `Job job waits in the queue team-a: ${noQuota}.`, 60_000]);
  assert.deepEqual(asked, [
    "/apis/kueue.x-k8s.io/v1beta2/namespaces/team/workloads?labelSelector=kueue.x-k8s.io/job-uid=batch-uid",
  ]);
});

test("an older Kueue is asked in its version", async () => {
  const { seen } = await observed(inQueue, (request, response) => {
    if (request.url?.includes("v1beta2")) response.writeHead(404).end("{}");
    else response.end(answer([workload({ type: "QuotaReserved", status: "False", message: "LocalQueue is stopped" })]));
  });
  assert.equal(seen[1], "Job job waits in the queue team-a: LocalQueue is stopped.");
});

test("without Kueue, or the right to read its objects, the message names the queue alone", async () => {
  for (const status of [404, 403]) {
    const { seen } = await observed(inQueue, (_, response) => response.writeHead(status).end("{}"));
    assert.deepEqual(seen, ["Queued", "Job job waits in the queue team-a.", 10_000]);
  }
});

test("a Job that is suspended outside of a queue is not asked about", async () => {
  const { asked, seen } = await observed({}, (_, response) => response.writeHead(500).end("{}"));
  assert.deepEqual(asked, []);
  assert.match(String(seen[1]), /is suspended by a queue, or because its spec\.suspend is set/);
});
