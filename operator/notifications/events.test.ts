import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition } from "../api/common.ts";
import type { Adapter, FineTuneJob } from "../api/kinds.ts";
import { anAdapter, aPinnedJob, aRun } from "../testing/builders.ts";
import { noticesOf } from "./events.ts";

const at = "2026-01-02T03:00:00Z";
const condition = (type: string, status: "True" | "False", reason: string): Condition => ({
  ...{ type, status, reason, message: "Words.", lastTransitionTime: at },
});
const made = anAdapter(aPinnedJob(), aRun(aPinnedJob()), { promotedAt: "2026-01-02T02:00:00Z" });
const curves = [{ name: "Loss" as const, points: "1:2" }];
const adapter: Adapter = {
  ...made,
  metadata: { ...made.metadata, creationTimestamp: "2026-01-02T01:00:00Z" },
  spec: { ...made.spec, results: { ...made.spec.results!, curves } },
};
const { name } = adapter.metadata;

function job(status: FineTuneJob["status"], generation = 1): FineTuneJob {
  const one = aPinnedJob();
  return {
    ...one,
    metadata: { ...one.metadata, generation },
    status: { observedGeneration: 1, state: "Any", ...status },
  };
}
const ready = [condition("Ready", "True", "AdapterReady")];
const promoted = { promotedAdapterRef: { name } };
const waiting = { currentRunRef: { name: "run", uid: "u", adapterName: name } };

const cases: [string, FineTuneJob, [string, string][]][] = [
  ["a job that trains", job({ conditions: [condition("Ready", "False", "Training")] }), []],
  [
    "a ready job",
    job({ conditions: ready, ...promoted }),
    [
      ["ready", at],
      ["promoted", "2026-01-02T02:00:00Z"],
    ],
  ],
  [
    "a stalled job with an earlier Adapter",
    job({
      conditions: [condition("Ready", "False", "Diverged"), condition("Stalled", "True", "Diverged")],
      ...promoted,
    }),
    [
      ["stalled", at],
      ["promoted", "2026-01-02T02:00:00Z"],
    ],
  ],
  [
    "a job whose Adapter waits for a person",
    job({ conditions: [condition("Ready", "False", "AwaitingPromotion")], ...waiting }),
    [["awaiting-promotion", "2026-01-02T01:00:00Z"]],
  ],
  ["a ready job with an edit that was not seen", job({ conditions: ready, ...promoted }, 2), []],
];
for (const [what, given, expected] of cases) {
  test(`${what} has the events: ${expected.map(([type]) => type).join(", ") || "none"}`, () => {
    assert.deepEqual(
      noticesOf(given, [adapter]).map(({ type, event }) => [type, event.time]),
      expected,
    );
  });
}

test("an event is a CloudEvent with the job's words and the Adapter's figures, and the same after a restart", () => {
  const given = job({ conditions: ready, ...promoted });
  const [first] = noticesOf(given, [adapter]);
  const { specversion, source, type, subject, data } = first!.event;
  assert.deepEqual(
    [specversion, source, type, subject],
    ["1.0", "/apis/luthier.dev/v1alpha1/namespaces/team/finetunejobs/bot", "dev.luthier.finetunejob.ready", "team/bot"],
  );
  assert.deepEqual([data.state, data.reason, data.adapter?.name], ["Any", "AdapterReady", name]);
  assert.ok(JSON.stringify(data).includes('"evalLoss":"0.2"') && !JSON.stringify(data).includes("curves"));
  assert.deepEqual(noticesOf(structuredClone(given), [adapter])[0], first);
});

test("another time, job, Adapter or reason has another id", () => {
  const id = (one: FineTuneJob) => noticesOf(one, [adapter])[0]?.event.id;
  const later = { ...condition("Ready", "True", "AdapterReady"), lastTransitionTime: "2026-01-03T00:00:00Z" };
  const other = job({ conditions: ready });
  const stalled = (reason: string) =>
    job({ conditions: [condition("Ready", "False", reason), condition("Stalled", "True", reason)] });
  const ids = [
    id(job({ conditions: ready, ...promoted })),
    id(job({ conditions: [later], ...promoted })),
    id({ ...other, metadata: { ...other.metadata, uid: "other" } }),
    id(other),
    id(stalled("Diverged")),
    id(stalled("OutOfMemory")),
  ];
  assert.equal(new Set(ids).size, ids.length);
});
