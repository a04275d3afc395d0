import assert from "node:assert/strict";
import { test } from "node:test";
import { aJob, anAdapter, aSpec, now, succeeded } from "../testing/builders.ts";
import { actions, aWorld, ready, stalled, withRun } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

test("a suspended job keeps its run and creates nothing", () => {
  const world = withRun();
  const spec = aSpec({ suspend: true });
  const suspended = { ...world, job: { ...world.job, spec }, wanted: { ...world.wanted, spec } };
  const decision = decide({ ...suspended, currentRun: { ...world.run!, status: { state: "Stopped" } } });
  assert.deepEqual([actions(decision), decision.status.state], [[], "Suspended"]);
  assert.equal(decision.status.currentRunRef?.uid, "run-uid");
});

test("a job is Suspended once nothing of it runs, and until then names the cause", () => {
  const spec = aSpec({ suspend: true });
  const preparing = (kind: "Deleting" | "Absent") =>
    decide(aWorld(aJob(spec), { prepare: { job: undefined, state: { kind } } })).status.state;
  assert.deepEqual([preparing("Deleting"), preparing("Absent")], ["Suspending", "Suspended"]);
  const reading = decide(aWorld(aJob(spec), { prepare: { job: undefined, state: { kind: "Deleting" } } }));
  assert.match(ready(reading)?.message ?? "", /^Stopping the Job that reads the inputs; it writes no checkpoint/);
  const words = "Node a does not answer.";
  const conditions = [
    { type: "Ready", status: "False" as const, reason: "Stopping", message: words, lastTransitionTime: "x" },
  ];
  const world = withRun(({ run }) => ({ currentRun: { ...run!, status: { state: "Stopping", conditions } } }));
  const wanted = { ...world.wanted, spec } as World["wanted"];
  assert.equal(ready(decide({ ...world, wanted }))?.message, words);
});

test("a job is Suspended while its run continues for other jobs, and names them", () => {
  const spec = aSpec({ suspend: true });
  const cases: {
    state: string;
    steps?: string;
    lastCheckpointStep?: number;
    runWantedBy: string[];
    is: string;
    message: RegExp;
  }[] = [
    { state: "Training", runWantedBy: ["twin"], is: "Suspended", message: /^FineTuneRun run-\w+ continues for twin\./ },
    {
      state: "Training",
      runWantedBy: [],
      is: "Suspending",
      message: /^Stopping; the pod received a request to end\.$/,
    },
    {
      state: "Training",
      steps: "5/60",
      runWantedBy: [],
      is: "Suspending",
      message: /^Stopping; the pod writes a checkpoint first/,
    },
    { state: "Queued", runWantedBy: [], is: "Suspending", message: /^Stopping; no pod of the run is running/ },
    { state: "Stopped", runWantedBy: [], is: "Suspended", message: /^Set spec\.suspend to false to resume\.$/ },
    {
      ...{ state: "Stopped", runWantedBy: [], lastCheckpointStep: 20 },
      ...{ is: "Suspended", message: /to resume from the checkpoint of step 20\.$/ },
    },
    { state: "Succeeded", runWantedBy: ["twin"], is: "Suspended", message: /^Set spec\.suspend to false to resume/ },
  ];
  for (const { state, steps, lastCheckpointStep, runWantedBy, is, message } of cases) {
    const status = {
      state,
      ...(steps === undefined ? {} : { progress: { steps, updatedAt: "2026-01-02T03:04:00Z" } }),
      ...(lastCheckpointStep === undefined ? {} : { lastCheckpointStep }),
    };
    const world = withRun(({ run }) => ({ currentRun: { ...run!, status }, runWantedBy }));
    const decision = decide({ ...world, wanted: { ...world.wanted, spec } as World["wanted"] });
    assert.equal(decision.status.state, is);
    assert.match(ready(decision)?.message ?? "", message);
  }
});

test("an invalid spec stalls the job and names the field", () => {
  const decision = decide(aWorld(aJob(), { wanted: { issue: "spec.method: exactly one method must be set" } }));
  assert.match(stalled(decision)?.message ?? "", /spec\.method/);
});

test("deciding twice changes nothing: no clock ticks in a status", () => {
  const world = withRun(({ job, run }) => ({
    adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
  }));
  const { status } = decide(world);
  const again = decide({ ...world, job: { ...world.job, status }, now: new Date(now.getTime() + 60_000) });
  assert.deepEqual(again.status, status);
});
