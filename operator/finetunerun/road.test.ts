import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { annotations } from "../api/names.ts";
import { jobState } from "../jobs/outcome.ts";
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
import { restTests, roadTests } from "../testing/declared.ts";
import { decideBy, road } from "./decide.ts";
import type { CurrentAttempt, World } from "./world.ts";

const job = aPinnedJob(aSpec({ backoffLimit: 1, activeDeadlineSeconds: 1000 }));
const record = { number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z" };

function aWorld(change: Partial<World> = {}, status: FineTuneRunStatus = {}): World {
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

/** A world whose first attempt has a Job in `state`. */
function attempted(
  state: CurrentAttempt["state"],
  change: Partial<World> = {},
  status: FineTuneRunStatus = {},
  more: Partial<Attempt> = {},
): World {
  const started = { ...record, jobUID: "batch-uid", ...more };
  const batchJob = state.kind === "Absent" ? undefined : aBatchJob();
  const attempt = { record: started, job: batchJob, state };
  return aWorld({ attempt, ...change }, { attempts: [started], ...status });
}

/** With a Job that has this digest. */
function rendered(world: World, digest: string): World {
  const job = aBatchJob();
  const metadata = { ...job.metadata, annotations: { [annotations.rendered]: digest } };
  return { ...world, attempt: world.attempt && { ...world.attempt, job: { ...job, metadata } } };
}

const planned = (change: Partial<World> = {}, status: FineTuneRunStatus = {}) =>
  aWorld(
    { attempt: { record, job: undefined, state: { kind: "Absent" } }, ...change },
    { attempts: [record], ...status },
  );

const complete = (message: string) => jobState(aBatchJob({ type: "Complete" }), [aPod({ exitCode: 0, message })]);
const success = complete(anEnvelope({ stage: "Train", figures: trainFigures(aRun(job).spec.runHash) }));
const crashed = jobState(aBatchJob({ type: "Failed", reason: "PodFailurePolicy" }), [aPod({ exitCode: 137 })]);
const invalid = jobState(aBatchJob({ type: "Failed", reason: "PodFailurePolicy" }), [aPod({ exitCode: 20 })]);
const completing = jobState(aBatchJob(), [aPod({ exitCode: 0 })]);
const running = jobState(aBatchJob(), [aPod({ running: true })]);

const lost = { ...record, outcome: "Lost" as const, endedAt: "2026-01-02T03:01:00Z" };
const lostAgain = { crashes: 1, attempts: [lost, { ...record, number: 2, jobUID: "batch-uid" }] };

const beingDeleted = (world: World, finalizers: string[] = []): World => ({
  ...world,
  run: { ...world.run, metadata: { ...world.run.metadata, deletionTimestamp: "x", finalizers } },
});
/** The Job in the way is a deleted run's of the same name. */
const leftOver = (world: World): World => {
  const { apiVersion, kind, metadata } = world.run;
  const ownerReferences = [{ apiVersion, kind, name: metadata.name, uid: "before" }];
  const batchJob = aBatchJob();
  const { attempt } = world;
  return {
    ...world,
    attempt: attempt && { ...attempt, job: { ...batchJob, metadata: { ...batchJob.metadata, ownerReferences } } },
  };
};

const worlds: Record<string, World[]> = {
  attemptSucceeded: [attempted(success), attempted(complete("cut")), attempted(complete("cut"), {}, lostAgain)],
  attemptFailed: [attempted(crashed), attempted(invalid)],
  beingDeleted: [beingDeleted(attempted(running)), beingDeleted(aWorld(), ["example.com/hold"])],
  foreignJob: [attempted({ kind: "Foreign" }), leftOver(attempted({ kind: "Foreign" }))],
  attemptGone: [
    attempted({ kind: "Absent" }, { wantedBy: [] }),
    attempted({ kind: "Absent" }, {}, {}, { reason: "Replaced" }),
    attempted({ kind: "Absent" }),
    attempted({ kind: "Absent" }, {}, lostAgain),
  ],
  stop: [attempted(running, { wantedBy: [] })],
  deleting: [attempted({ kind: "Deleting" })],
  running: [attempted(running), attempted(completing), attempted(completing, { wantedBy: [] })],
  outdated: [rendered(attempted(jobState(aBatchJob(), [])), "by other settings")],
  pending: [
    attempted(jobState(aBatchJob(), [])),
    attempted(jobState(aBatchJob(), [aPod({ exitCode: 24 })])),
    attempted(jobState({ ...aBatchJob(), spec: { suspend: true, template: {} } }, [])),
    attempted(jobState(aBatchJob(), [aPod({ unschedulable: "no room" })])),
  ],
  start: [planned(), planned({}, { runningSeconds: 1000 })],
  expected: [aWorld({ wantedBy: [], expectedBy: ["bot"] }), planned({ wantedBy: [], expectedBy: ["bot"] })],
  unwanted: [aWorld({ wantedBy: [] })],
  queued: [aWorld({ turn: { running: 3, limit: 3, position: 2 } })],
  nextAttempt: [aWorld()],
};

// A finished run is left unchanged, so it reports nothing.
roadTests(
  road.filter(({ name }) => name !== "finished"),
  worlds,
  decideBy,
);

restTests(worlds, (world, progress) =>
  decideBy({ ...world, run: { ...world.run, status: { ...world.run.status, progress } } }),
);
