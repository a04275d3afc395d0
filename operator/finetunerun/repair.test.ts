import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { jobState } from "../jobs/outcome.ts";
import type { Job } from "../jobs/resources.ts";
import { aBatchJob, aPinnedJob, aPod, aRun, now, someResults, succeeded, trainer } from "../testing/builders.ts";
import { actions, conditionOf } from "../testing/worlds.ts";
import { currentAttempt } from "./attempts.ts";
import { decide } from "./decide.ts";
import { repairedRun } from "./repair.ts";
import type { World } from "./world.ts";

const run = aRun(aPinnedJob());
const { name } = run.metadata;
const madeAt = "2026-01-02T03:01:00Z";

function jobOf(number: number, condition?: Parameters<typeof aBatchJob>[0]): Job {
  const job = aBatchJob(condition);
  const metadata = { ...job.metadata, name: `${name}-${number}`, uid: `uid-${number}`, creationTimestamp: madeAt };
  return { ...job, metadata };
}
const open = (number: number): Attempt => ({
  number,
  jobName: `${name}-${number}`,
  jobUID: `uid-${number}`,
  startedAt: madeAt,
});
const ended = (number: number, outcome: Attempt["outcome"] = "Failed"): Attempt => ({
  ...open(number),
  outcome,
  endedAt: "2026-01-02T03:02:00Z",
});
const repaired = (status: FineTuneRunStatus, ...jobs: Job[]) => repairedRun({ ...run, status }, jobs).status?.attempts;
const failedJob = (number: number) => jobOf(number, { type: "Failed" });

describe("the attempts of a run are those that its Jobs show", () => {
  const lie = "the status names an attempt that";
  const cases: { name: string; recorded: Attempt[]; jobs: Job[]; attempts: Attempt[] }[] = [
    { name: "a status that was stripped", recorded: [], jobs: [jobOf(1)], attempts: [open(1)] },
    {
      name: "a status that was stripped after a failed attempt",
      recorded: [],
      jobs: [failedJob(1), jobOf(2)],
      attempts: [open(2)],
    },
    {
      name: "a status that was stripped after all attempts had ended: the last attempt is read again",
      recorded: [],
      jobs: [failedJob(1), jobOf(2, { type: "Complete" })],
      attempts: [open(2)],
    },
    {
      name: "a status that ends an attempt that still runs",
      recorded: [ended(1)],
      jobs: [jobOf(1)],
      attempts: [open(1)],
    },
    {
      name: `${lie} follows the running one`,
      recorded: [ended(1), open(2)],
      jobs: [jobOf(1)],
      attempts: [open(1)],
    },
    { name: `${lie} is far ahead`, recorded: [ended(999_999)], jobs: [failedJob(1), jobOf(2)], attempts: [open(2)] },
    {
      name: `${lie} has another Job`,
      recorded: [{ ...open(1), jobName: "another" }],
      jobs: [jobOf(1)],
      attempts: [open(1)],
    },
    {
      name: "an attempt whose Job is removed",
      recorded: [ended(1), ended(2)],
      jobs: [],
      attempts: [ended(1), ended(2)],
    },
    {
      name: "an attempt whose Job is not created yet",
      recorded: [ended(1), open(2)],
      jobs: [failedJob(1)],
      attempts: [ended(1), open(2)],
    },
    {
      name: "an attempt whose Job runs",
      recorded: [ended(1), open(2)],
      jobs: [jobOf(2)],
      attempts: [ended(1), open(2)],
    },
    { name: "an attempt whose Job has ended", recorded: [open(1)], jobs: [failedJob(1)], attempts: [open(1)] },
    {
      name: "a Job whose name is no attempt's",
      recorded: [],
      jobs: [{ ...jobOf(1), metadata: { ...jobOf(1).metadata, name: `${name}-x` } }],
      attempts: [],
    },
  ];
  for (const { name: what, recorded, jobs, attempts } of cases) {
    test(`the attempts are repaired from the Jobs: ${what}`, () =>
      assert.deepEqual(repaired({ attempts: recorded }, ...jobs) ?? [], attempts));
  }

  test("a status that agrees with them is unchanged", () => {
    const good = { ...run, status: { attempts: [ended(1), open(2)] } };
    assert.equal(repairedRun(good, [jobOf(2), failedJob(1)]), good);
  });
});

function decided(status: FineTuneRunStatus, jobs: readonly Job[], change: Partial<World> = {}) {
  const so = repairedRun({ ...run, status }, jobs);
  const record = currentAttempt(so.status);
  const job = jobs.find(({ metadata }) => metadata.name === record?.jobName);
  const state = job === undefined ? { kind: "Absent" as const } : jobState(job, [aPod({ running: true })]);
  const attempt = record && { record, job, state };
  return decide({
    run: so,
    now,
    ...trainer,
    wantedBy: ["bot"],
    expectedBy: [],
    attempt,
    progress: undefined,
    turn: undefined,
    ...change,
  });
}

describe("a run whose trainer runs continues, with no second Job and no stop, for any status", () => {
  const lies: Record<string, FineTuneRunStatus> = {
    nothing: {},
    "that it failed": {
      state: "Failed",
      attempts: [ended(1)],
      conditions: [{ type: "Succeeded", status: "False", reason: "X", message: "", lastTransitionTime: madeAt }],
    },
    "that it succeeded": {
      ...succeeded(run).status,
      attempts: [ended(1, "Succeeded")],
    },
    "that it is stopped": { state: "Stopped", attempts: [ended(1, "Stopped")] },
    "that a later attempt is to start": { attempts: [ended(1), { ...open(2), jobUID: "none" }] },
    "impossible results, an impossible condition and an impossible time": {
      results: someResults(run.spec.runHash),
      progress: { phase: "Training", steps: "9/9", updatedAt: "9999-01-01T00:00:00Z" },
      conditions: [{ type: "Hacked", status: "True", reason: "X", message: "", lastTransitionTime: madeAt }],
    },
  };
  for (const [what, status] of Object.entries(lies)) {
    for (const change of [{}, { wantedBy: [], expectedBy: ["bot"] }]) {
      const who = change.wantedBy === undefined ? "named" : "expected";
      test(`the status claims ${what}; the run is ${who} by its FineTuneJob`, () => {
        const decision = decided(status, [jobOf(1)], change);
        assert.deepEqual([actions(decision), decision.status.state], [[], "Training"]);
        assert.equal(conditionOf(decision, "Succeeded")?.status, "Unknown");
        assert.deepEqual(
          [decision.status.results, conditionOf(decision, "Hacked"), decision.status.attempts],
          [undefined, undefined, [open(1)]],
        );
        assert.ok((decision.requeueAfterMs ?? 0) <= 30_000, `requeued after ${decision.requeueAfterMs} ms`);
      });
    }
  }

  test("an end without a recorded attempt does not count: another attempt checks the store", () => {
    const { status } = succeeded(run);
    for (const lie of [
      { ...status, attempts: [] },
      { ...status, results: undefined },
    ]) {
      assert.equal(decided(lie, []).status.state, "Pending");
    }
    assert.equal(decided(status ?? {}, []).status.results?.loss, "0.1235");
  });
});

describe("a new run", () => {
  test("a new run is Pending until the FineTuneJob that created it names it, and starts nothing", () => {
    const decision = decided({}, [], { wantedBy: [], expectedBy: ["bot"] });
    assert.deepEqual([decision.status.state, actions(decision), decision.status.attempts], ["Pending", [], undefined]);
    assert.match(conditionOf(decision, "Ready")?.message ?? "", /until FineTuneJob bot adopts this run/);
  });

  test("a new run that was stopped stays Stopped until it is named again", () => {
    const decision = decided({ state: "Stopped", attempts: [ended(1, "Stopped")] }, [], {
      wantedBy: [],
      expectedBy: ["bot"],
    });
    assert.equal(conditionOf(decision, "Ready")?.reason, "NotWanted");
  });
});

test("a run that is being deleted and held stops its Job and names the finalizer", () => {
  const metadata = { ...run.metadata, deletionTimestamp: "x", finalizers: ["example.com/hold", "foregroundDeletion"] };
  const attempt = { record: open(1), job: jobOf(1), state: jobState(jobOf(1), [aPod({ running: true })]) };
  const world = {
    run: { ...run, metadata },
    now,
    ...trainer,
    wantedBy: ["bot"],
    expectedBy: [],
    attempt,
    progress: undefined,
    turn: undefined,
  };
  const decision = decide(world);
  assert.deepEqual(actions(decision), ["deleteJob"]);
  assert.match(
    conditionOf(decision, "Ready")?.message ?? "",
    /is held by finalizer example\.com\/hold, which is not Luthier's.*kubectl edit finetunerun/,
  );
});
