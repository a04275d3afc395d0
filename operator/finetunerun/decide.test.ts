/**
 * The decisions about a FineTuneRun, from its start to its reports. The file is long because all of them are taken in one
 * function, and the tests share the worlds that they begin with.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Attempt, type FineTuneRunStatus, fineTuneRunStatus } from "../api/fineTuneRun.ts";
import { jobState } from "../jobs/outcome.ts";
import { timestamp } from "../runtime/clock.ts";
import {
  aBatchJob,
  anEnvelope,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  now,
  trainer,
  trainFigures,
} from "../testing/builders.ts";
import { actions, conditionOf } from "../testing/worlds.ts";
import { currentAttempt } from "./attempts.ts";
import { decide } from "./decide.ts";
import type { CurrentAttempt, Decision, World } from "./world.ts";

type State = CurrentAttempt["state"];
const spec = aSpec({ backoffLimit: 1, activeDeadlineSeconds: 1000 });
const job = aPinnedJob(spec);

function aWorld(status: FineTuneRunStatus = {}, change: Partial<World> = {}): World {
  return {
    run: aRun(job, status),
    now,
    ...trainer,
    wantedBy: ["bot"],
    expectedBy: [],
    attempt: undefined,
    progress: undefined,
    turn: undefined,
    ...change,
  };
}

/** A world whose first attempt is in `state`. */
function attempted(state: State, change: Partial<World> = {}, status: FineTuneRunStatus = {}): World {
  const record = { number: 1, jobName: "run-1", jobUID: "batch-uid", startedAt: "2026-01-02T03:00:00Z" };
  const attempts = status.attempts ?? [record];
  const batchJob = state.kind === "Absent" ? undefined : aBatchJob();
  return aWorld({ ...status, attempts }, { attempt: { record: attempts.at(-1)!, job: batchJob, state }, ...change });
}

const lostBefore: Attempt = {
  ...{ number: 1, jobName: "run-1", jobUID: "lost-uid", outcome: "Lost" },
  ...{ startedAt: "2026-01-02T02:58:00Z", endedAt: "2026-01-02T02:59:00Z" },
};
const current: Attempt = { number: 2, jobName: "run-2", jobUID: "batch-uid", startedAt: "2026-01-02T03:00:00Z" };

const ended = (condition: { type: "Complete" | "Failed"; reason?: string }, ...pods: Parameters<typeof aPod>[0][]) =>
  jobState(aBatchJob(condition), pods.map(aPod));
const running = () => jobState(aBatchJob(), [aPod({ running: true })]);
const succeeded = (decision: Decision) => conditionOf(decision, "Succeeded");

describe("starting", () => {
  test("an attempt is in status before its Job is created", () => {
    const first = decide(aWorld());
    assert.deepEqual(actions(first), []);
    const planned = currentAttempt(first.status);
    assert.equal(planned?.jobUID, undefined);
    const second = decide(
      aWorld(first.status, { attempt: { record: planned!, job: undefined, state: { kind: "Absent" } } }),
    );
    assert.deepEqual(actions(second), ["createJob"]);
    assert.deepEqual(second.status.attempts, first.status.attempts);
  });

  test("nothing starts while no FineTuneJob wants it", () => {
    const decision = decide(aWorld({}, { wantedBy: [] }));
    assert.deepEqual([actions(decision), decision.status.attempts], [[], undefined]);
  });

  test("nothing starts while a Job of a deleted run has the needed name", () => {
    const decision = decide(attempted({ kind: "Foreign" }));
    assert.deepEqual(actions(decision), []);
    assert.ok(decision.requeueAfterMs);
  });

  test("a finished run never starts again", () => {
    const decision = decide(attempted(ended({ type: "Complete" }, { exitCode: 0, message: success() })));
    const later = decide(aWorld(decision.status));
    assert.deepEqual([actions(later), later.status], [[], decision.status]);
  });
});

function success(): string {
  return anEnvelope({ stage: "Train", figures: trainFigures(aRun(job).spec.runHash) });
}

describe("ending", () => {
  test("a retry and a fix name a checkpoint if there is one", () => {
    const crash = ended({ type: "Failed", reason: "PodFailurePolicy" }, { exitCode: 137, reason: "Error" });
    const messageOf = (status: FineTuneRunStatus) => succeeded(decide(attempted(crash, {}, status)))?.message ?? "";
    const last = { crashes: 1, attempts: [{ ...lostBefore, outcome: "Failed" as const }, current] };
    assert.match(messageOf({}), / Retrying\.$/);
    assert.match(messageOf({ lastCheckpointStep: 20 }), / Retrying from the checkpoint of step 20\.$/);
    assert.match(messageOf(last), / To retry, delete FineTuneRun run-\w+; the operator then retries it\.$/);
    assert.match(
      messageOf({ ...last, lastCheckpointStep: 20 }),
      / the operator then retries it from the checkpoint of step 20\.$/,
    );
  });

  test("each fault has one fix", () => {
    const messageOf = (exitCode: number, reason: string, message: string) => {
      const words = anEnvelope({ stage: "Train", outcome: "Failed", reason, message });
      const state = ended({ type: "Failed", reason: "PodFailurePolicy" }, { exitCode, message: words });
      return succeeded(decide(attempted(state)))?.message ?? "";
    };
    assert.doesNotMatch(messageOf(21, "Diverged", "lower the learning rate"), /delete FineTuneRun/);
    assert.match(
      messageOf(23, "ObjectMissing", "gone"),
      /^gone\. To stage the inputs again, annotate: .*; then delete FineTuneRun run-\w+/,
    );
    const outOfMemory = ended({ type: "Failed", reason: "PodFailurePolicy" }, { exitCode: 137, reason: "OOMKilled" });
    const memory = succeeded(decide(attempted(outOfMemory)))?.message ?? "";
    assert.match(memory, /Raise placement\.resources\.limits\.memory, and delete FineTuneRun run-\w+/);
    assert.doesNotMatch(memory, /helpers|To try again/);
    const late = decide(
      aWorld(
        { attempts: [current], runningSeconds: 1000 },
        { attempt: { record: { ...current, jobUID: undefined }, job: undefined, state: { kind: "Absent" } } },
      ),
    );
    assert.match(succeeded(late)?.message ?? "", /Raise spec\.activeDeadlineSeconds, and delete FineTuneRun run-\w+/);
  });

  test("the message names a foreign Job and its fix; a Job of a deleted run needs none", () => {
    const foreign = attempted({ kind: "Foreign" });
    const taken = succeeded(decide(foreign));
    assert.equal(taken?.reason, "JobNameTaken");
    assert.match(taken?.message ?? "", /does not belong to this run\. .* delete it \(kubectl delete job run-1\)/);
    const { apiVersion, kind, metadata } = foreign.run;
    const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: "before" }];
    const left = (more: object) => {
      const job = { ...aBatchJob(), metadata: { ...aBatchJob().metadata, ownerReferences, ...more } };
      return succeeded(decide({ ...foreign, attempt: { ...foreign.attempt!, job } }));
    };
    assert.match(left({})?.message ?? "", /^Waiting until Job run-1 of a deleted FineTuneRun/);
    const held = left({ deletionTimestamp: "x", finalizers: ["foregroundDeletion", "example.com/hold"] });
    assert.match(held?.message ?? "", /^Job job is being deleted and is held by finalizer example\.com\/hold, /);
  });

  test("a message longer than a status allows still gives a valid status", () => {
    // Cut at 1,024 in the middle of the last character.
    const failure = {
      exitCode: 20,
      retryable: false,
      exhausted: false,
      reason: "R".repeat(100),
      message: "W🦙".repeat(999),
    };
    const { status } = decide(attempted({ kind: "Failed", failure, endedAt: undefined }));
    assert.equal(fineTuneRunStatus.safeParse(status).error, undefined);
    assert.ok(status.attempts?.[0]?.message?.isWellFormed());
  });

  test("a report of this run is its result", () => {
    const decision = decide(attempted(ended({ type: "Complete" }, { exitCode: 0, message: success() })));
    assert.equal(succeeded(decision)?.status, "True");
    assert.equal(decision.status.results?.loss, "0.1235");
    assert.equal(decision.status.progress?.steps, "60/60");
    assert.equal(decision.status.attempts?.[0]?.outcome, "Succeeded");
  });

  test("the operator ignores a report of another run", () => {
    const message = anEnvelope({ stage: "Train", figures: trainFigures("0".repeat(64)) });
    assert.equal(
      succeeded(decide(attempted(ended({ type: "Complete" }, { exitCode: 0, message }))))?.status,
      "Unknown",
    );
  });

  test("the operator retries a lost report, but not forever", () => {
    const lost = ended({ type: "Complete" }, { exitCode: 0, message: "cut" });
    const first = decide(attempted(lost));
    assert.equal(succeeded(first)?.status, "Unknown");
    const second = decide(attempted(lost, {}, { crashes: 1, attempts: [lostBefore, current] }));
    assert.deepEqual([succeeded(second)?.status, succeeded(second)?.reason], ["False", "ReportLost"]);
  });

  describe("an attempt with an unknown end may have finished: the operator checks the store once, whatever backoffLimit is", () => {
    const unforgiving = aPinnedJob(aSpec({ backoffLimit: 0 }));
    const gone: State = { kind: "Absent" };
    const unread = ended({ type: "Complete" }, { exitCode: 0, message: "cut" });
    const crashed = ended({ type: "Failed", reason: "PodFailurePolicy" }, { exitCode: 137, reason: "Error" });
    const failedBefore = { ...lostBefore, outcome: "Failed" as const };
    const cases: { name: string; state: State; before: Attempt[]; is: string }[] = [
      {
        name: "its Job was removed (for instance by its TTL) while no operator ran",
        state: gone,
        before: [],
        is: "Unknown",
      },
      { name: "its report cannot be read", state: unread, before: [], is: "Unknown" },
      { name: "its Job was removed after a crash", state: gone, before: [failedBefore], is: "Unknown" },
      { name: "the Job of the next attempt is removed too", state: gone, before: [lostBefore], is: "False" },
      {
        name: "the report of the next attempt cannot be read either",
        state: unread,
        before: [lostBefore],
        is: "False",
      },
      { name: "the next attempt crashes", state: crashed, before: [lostBefore], is: "False" },
      { name: "the attempt is known to have crashed", state: crashed, before: [], is: "False" },
    ];
    for (const { name, state, before, is } of cases) {
      test(`Succeeded is ${is} when ${name}`, () => {
        const attempts = [...before, current];
        const world = attempted(state, {}, { attempts, ...(before.length > 0 ? { crashes: before.length } : {}) });
        const decision = decide({ ...world, run: aRun(unforgiving, world.run.status) });
        assert.equal(succeeded(decision)?.status, is);
        if (is === "Unknown") assert.match(succeeded(decision)?.message ?? "", /The next attempt checks the store/);
      });
    }
  });

  const failures = [
    {
      name: "wrong data are final",
      pod: {
        exitCode: 20,
        message: anEnvelope({ stage: "Train", outcome: "Failed", reason: "NoTrainedTokens", message: "row 3" }),
      },
      reason: "NoTrainedTokens",
      final: true,
    },
    { name: "divergence is final", pod: { exitCode: 21 }, reason: "Crashed", final: true },
    {
      name: "a container that ran out of memory is not retried blindly",
      pod: { exitCode: 137, reason: "OOMKilled" },
      reason: "HostMemoryExceeded",
      final: true,
    },
    {
      name: "a killed container is retried",
      pod: { exitCode: 137, reason: "Error" },
      reason: "Killed",
      final: false,
    },
  ];
  for (const { name, pod, reason, final } of failures) {
    test(name, () => {
      const decision = decide(attempted(ended({ type: "Failed", reason: "PodFailurePolicy" }, pod)));
      assert.deepEqual(
        [succeeded(decision)?.status, succeeded(decision)?.reason],
        [final ? "False" : "Unknown", reason],
      );
    });
  }

  test("crashes that spent the Job's retries end the run", () => {
    const decision = decide(attempted(ended({ type: "Failed", reason: "BackoffLimitExceeded" }, { exitCode: 1 })));
    assert.equal(succeeded(decision)?.status, "False");
  });

  test("crashes that spent the Job's retries do not end the run if there is a new checkpoint", () => {
    const decision = decide(
      attempted(ended({ type: "Failed", reason: "BackoffLimitExceeded" }, { exitCode: 1 }), {
        progress: {
          phase: "Training",
          done: 20,
          total: 60,
          unit: "steps",
          time: now.toISOString(),
          lastCheckpoint: 20,
        },
      }),
    );
    assert.deepEqual([succeeded(decision)?.status, decision.status.crashes], ["Unknown", 0]);
  });

  test("a deleted Job is an ended attempt, and the next attempt resumes", () => {
    const decision = decide(attempted({ kind: "Absent" }));
    assert.equal(decision.status.attempts?.[0]?.outcome, "Lost");
    const next = decide(aWorld(decision.status));
    assert.equal(currentAttempt(next.status)?.jobName.endsWith("-2"), true);
  });

  test("repeated deletions of Jobs end the run, unless there is a new checkpoint in between", () => {
    const last = decide(attempted({ kind: "Absent" }, {}, { crashes: 1, attempts: [lostBefore, current] }));
    assert.deepEqual([succeeded(last)?.status, succeeded(last)?.reason], ["False", "JobDeleted"]);
    const record = { number: 1, jobName: "run-1", jobUID: "u", startedAt: "2026-01-02T03:00:00Z", checkpointStep: 10 };
    const moved = decide(attempted({ kind: "Absent" }, {}, { crashes: 1, attempts: [record] }));
    assert.deepEqual([succeeded(moved)?.status, moved.status.crashes], ["Unknown", 0]);
  });

  test("a container that is killed each time, without a checkpoint, ends the run after backoffLimit", () => {
    const killed = ended({ type: "Failed", reason: "PodFailurePolicy" }, { exitCode: 137, reason: "Error" });
    const [first, second] = [decide(attempted(killed)), decide(attempted(killed, {}, { crashes: 1 }))];
    assert.deepEqual([succeeded(first)?.status, first.status.crashes], ["Unknown", 1]);
    assert.deepEqual([succeeded(second)?.status, succeeded(second)?.reason], ["False", "Killed"]);
    assert.equal(second.status.attempts?.at(-1)?.exitCode, 137);
  });

  test("the deadline counts all attempts", () => {
    const before = {
      number: 1,
      jobName: "run-1",
      jobUID: "u",
      startedAt: "2026-01-02T02:00:00Z",
      endedAt: "2026-01-02T02:16:40Z",
    };
    const record = { number: 2, jobName: "run-2", startedAt: "2026-01-02T03:00:00Z" };
    const decision = decide(attempted({ kind: "Absent" }, {}, { attempts: [before, record], runningSeconds: 1000 }));
    assert.equal(succeeded(decision)?.reason, "DeadlineExceeded");
    assert.match(succeeded(decision)?.message ?? "", /waiting included/);
  });

  test("an attempt with an unknown end counts until its last sign of life", () => {
    const progress = { steps: "50/60", updatedAt: "2026-01-02T03:01:00Z" };
    const lost = attempted({ kind: "Absent" }, { now: new Date("2026-01-03T00:00:00Z") }, { progress });
    const decision = decide(lost);
    assert.deepEqual([succeeded(decision)?.status, decision.status.runningSeconds], ["Unknown", 60]);
    const before = { ...progress, updatedAt: "2026-01-02T02:00:00Z" };
    assert.equal(decide(attempted({ kind: "Absent" }, {}, { progress: before })).status.runningSeconds, 245);
  });

  test("an attempt that only waited counts from its start, as in its Job's own deadline", () => {
    const waited = decide(attempted(ended({ type: "Failed", reason: "DeadlineExceeded" })));
    assert.equal(waited.status.runningSeconds, 240);
    assert.equal(succeeded(waited)?.reason, "DeadlineExceeded");
  });
});

describe("stopping and resuming", () => {
  test("the operator stops a run that no FineTuneJob wants only once, after a checkpoint", () => {
    const decision = decide(attempted(running(), { wantedBy: [] }));
    assert.deepEqual(actions(decision), ["deleteJob"]);
    const again = decide(attempted({ kind: "Deleting" }, { wantedBy: [] }, decision.status));
    assert.deepEqual([actions(again), again.status.state], [[], "Stopping"]);
    const gone = decide(attempted({ kind: "Absent" }, { wantedBy: [] }, again.status));
    assert.deepEqual(
      [gone.status.state, gone.status.attempts?.[0]?.outcome, gone.status.crashes],
      ["Stopped", "Stopped", undefined],
    );
  });

  for (const { name, state, steps, expected } of [
    {
      name: "a pod that trains writes a checkpoint",
      state: running(),
      steps: "5/60",
      expected: /the pod writes a checkpoint first/,
    },
    {
      name: "a pod that has trained no step writes none",
      state: running(),
      steps: undefined,
      expected: /received a request to end\.$/,
    },
    {
      name: "a pod that trains while its Job is deleted writes a checkpoint",
      state: { kind: "Deleting", podRuns: true },
      steps: "5/60",
      expected: /the pod writes a checkpoint first/,
    },
    {
      name: "a pod that waits for a node has no checkpoint to write",
      state: jobState(aBatchJob(), [aPod({ unschedulable: "no room" })]),
      steps: "5/60",
      expected: /no pod of the run is running, so there is no checkpoint to write/,
    },
    {
      name: "a Job without a pod has no checkpoint to write",
      state: { kind: "Deleting" },
      steps: "5/60",
      expected: /there is no checkpoint to write/,
    },
  ] satisfies { name: string; state: State; steps: string | undefined; expected: RegExp }[]) {
    test(`the message while a run stops: ${name}`, () => {
      const progress = steps === undefined ? {} : { progress: { steps, updatedAt: timestamp(now) } };
      assert.match(succeeded(decide(attempted(state, { wantedBy: [] }, progress)))?.message ?? "", expected);
    });
  }

  test("an attempt whose Job is gone before the stop was recorded counts as stopped, not lost", () => {
    const decision = decide(attempted({ kind: "Absent" }, { wantedBy: [] }));
    assert.deepEqual(
      [decision.status.state, decision.status.attempts?.[0]?.outcome, decision.status.crashes],
      ["Stopped", "Stopped", undefined],
    );
  });

  test("a run that is wanted again starts a new attempt", () => {
    const record = {
      number: 1,
      jobName: "run-1",
      jobUID: "u",
      startedAt: "2026-01-02T03:00:00Z",
      endedAt: "2026-01-02T03:01:00Z",
    };
    const next = decide(aWorld({ attempts: [record] }));
    assert.equal(currentAttempt(next.status)?.number, 2);
  });
});

describe("reporting", () => {
  test("the operator copies progress and reads it again after 30 s", () => {
    const progress = {
      phase: "Training" as const,
      done: 5,
      total: 60,
      unit: "steps" as const,
      time: now.toISOString(),
      loss: 1.23456,
    };
    const decision = decide(attempted(running(), { progress }));
    assert.deepEqual([decision.status.progress?.steps, decision.status.progress?.loss], ["5/60", "1.235"]);
    assert.equal(decision.requeueAfterMs, 30_000);
  });

  test("a repeated line causes no write", () => {
    const line = { phase: "Training" as const, done: 5, total: 60, unit: "steps" as const, time: "", loss: 1.5 };
    const first = decide(attempted(running(), { progress: line }));
    const later = new Date(now.getTime() + 120_000);
    const world = { ...attempted(running(), { progress: line }, first.status), now: later };
    assert.deepEqual(decide(world).status, first.status);
    const further = decide({ ...world, progress: { ...line, done: 6 } });
    assert.equal(further.status.progress?.updatedAt, timestamp(later));
  });

  test("the operator reports and retries a Job that the API server rejects, and counts no attempt", () => {
    const record = { number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z" };
    const refused = {
      kind: "Pending",
      reason: "JobRefused",
      message: "exceeded quota",
      pollAfterMs: 60_000,
    } as const;
    const world = aWorld({ attempts: [record] }, { attempt: { record, job: undefined, state: refused } });
    const decision = decide(world);
    assert.deepEqual([decision.status.state, decision.requeueAfterMs], ["Queued", 60_000]);
    assert.match(succeeded(decision)?.message ?? "", /exceeded quota/);
    assert.deepEqual(decision.status.attempts, [record]);
  });

  test("the message of an unschedulable pod gives the cause", () => {
    const state = jobState(aBatchJob(), [aPod({ unschedulable: "0/1 nodes are available: insufficient memory" })]);
    const decision = decide(attempted(state));
    assert.match(succeeded(decision)?.message ?? "", /insufficient memory/);
    assert.equal(decision.status.state, "Queued");
  });
});
