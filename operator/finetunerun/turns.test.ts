/** The limit of concurrent runs of a namespace: places and turns as tables, and a namespace played to its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { timestamp } from "../runtime/clock.ts";
import { newCaches } from "../shared/caches.ts";
import { aPinnedJob, aRun, failed, now, succeeded, trainer } from "../testing/builders.ts";
import { conditionOf } from "../testing/worlds.ts";
import { currentAttempt } from "./attempts.ts";
import { decide } from "./decide.ts";
import { type Place, placeOf, type Turn, Turns, turnOf, turnWords, wokenBy } from "./turns.ts";

const job = aPinnedJob();
const open = { number: 1, jobName: "run-1", startedAt: "2026-01-02T03:00:00Z" };
const closed = { ...open, endedAt: "2026-01-02T03:01:00Z" };

function named(name: string, status: FineTuneRunStatus = {}, created = 0): FineTuneRun {
  const run = aRun(job, status);
  const creationTimestamp = timestamp(new Date(now.getTime() + created * 1000));
  return { ...run, metadata: { ...run.metadata, name, uid: name, creationTimestamp } };
}

const running = (name: string) => named(name, { state: "Training", attempts: [open] });
const waiting = (name: string, seconds: number) => named(name, { queuedSince: `2026-01-02T03:04:${10 + seconds}Z` });

const deleting = (run: FineTuneRun): FineTuneRun => ({
  ...run,
  metadata: { ...run.metadata, deletionTimestamp: "2026-01-02T03:03:00Z" },
});

const places: readonly { name: string; run: FineTuneRun; place: Place }[] = [
  { name: "a new run holds no place", run: named("a"), place: "None" },
  { name: "a recorded attempt holds a place before its Job exists", run: running("a"), place: "Running" },
  {
    name: "a crashed attempt keeps its place for the retry",
    run: named("a", { state: "Pending", attempts: [{ ...closed, outcome: "Failed" }] }),
    place: "Running",
  },
  {
    name: "a stopped run gives its place up",
    run: named("a", { state: "Stopped", attempts: [{ ...closed, outcome: "Stopped" }] }),
    place: "None",
  },
  {
    name: "a stopped run that is wanted again waits in the queue",
    run: named("a", { state: "Queued", attempts: [closed], queuedSince: "2026-01-02T03:04:00Z" }),
    place: "Queued",
  },
  {
    name: "a run that trains is not in the queue, whatever its status says",
    run: named("a", { attempts: [open], queuedSince: "2026-01-02T03:04:00Z" }),
    place: "Running",
  },
  {
    name: "a run that a finalizer holds after its end holds no place",
    run: deleting(named("a", { state: "Deleting", attempts: [{ ...closed, outcome: "Failed" }] })),
    place: "None",
  },
  { name: "a deleted run holds its place until its Job is gone", run: deleting(running("a")), place: "Running" },
  { name: "a succeeded run holds no place", run: succeeded(aRun(job)), place: "None" },
  { name: "a failed run holds no place", run: failed(aRun(job)), place: "None" },
];
for (const { name, run, place } of places) test(name, () => assert.equal(placeOf(run), place));

const turns: readonly { name: string; run: FineTuneRun; others: FineTuneRun[]; turn: Turn | undefined }[] = [
  { name: "a run starts while a place is free", run: named("a"), others: [running("b")], turn: undefined },
  {
    name: "a run waits while the limit is reached",
    run: named("a"),
    others: [running("b"), running("c")],
    turn: { running: 2, limit: 2, position: 1 },
  },
  {
    name: "a new run comes after all that wait, also while a place is free",
    run: named("a"),
    others: [running("b"), waiting("c", 1)],
    turn: { running: 1, limit: 2, position: 2 },
  },
  {
    name: "the first that waits takes the free place",
    run: waiting("c", 1),
    others: [running("b"), waiting("d", 2)],
    turn: undefined,
  },
  {
    name: "the second waits for the next place",
    run: waiting("d", 2),
    others: [running("b"), waiting("c", 1)],
    turn: { running: 1, limit: 2, position: 2 },
  },
  {
    name: "of two that came in the same second the older one is first, then the first by name",
    run: named("b", { queuedSince: "2026-01-02T03:04:10Z" }, 1),
    others: [
      running("x"),
      running("y"),
      named("c", { queuedSince: "2026-01-02T03:04:10Z" }, 0),
      named("a", { queuedSince: "2026-01-02T03:04:10Z" }, 1),
    ],
    turn: { running: 2, limit: 2, position: 3 },
  },
  {
    name: "a run that holds a place is never queued",
    run: running("a"),
    others: [running("b"), running("c")],
    turn: undefined,
  },
  {
    name: "finished runs take no place",
    run: named("a"),
    others: [succeeded(aRun(job)), failed(aRun(job))],
    turn: undefined,
  },
];
for (const { name, run, others, turn } of turns)
  test(name, () => assert.deepEqual(turnOf(run, others, { limit: 2 }), turn));

test("the condition says how many runs there are, the limit and the position", () => {
  assert.equal(
    turnWords({ running: 3, limit: 3, position: 2 }),
    "Queued: 3 runs of this namespace are running (limit 3); position 2.",
  );
  assert.equal(
    turnWords({ running: 1, limit: 1, position: 25 }),
    "Queued: 1 run of this namespace is running (limit 1); more than 20 are ahead.",
  );
});

/** Decides about one run of `runs` as its controller does, and writes the status to `runs` unless the cache lags. */
function reconcile(turnsOf: Turns, runs: FineTuneRun[], index: number, { lags = false } = {}): FineTuneRunStatus {
  const run = runs[index]!;
  const caches = newCaches();
  for (const one of runs) caches.fineTuneRuns.set(one);
  const turn = turnsOf.of(run, caches);
  const world = { run, now, ...trainer, wantedBy: ["bot"], expectedBy: [], progress: undefined, turn };
  const record = currentAttempt(run.status);
  const attempt = record && { record, job: undefined, state: { kind: "Absent" } as const };
  const { status } = decide({ ...world, attempt });
  turnsOf.decided(run, status);
  if (!lags) runs[index] = { ...run, status };
  return status;
}

test("runs decided before the caches show each other's attempts do not take the same place", () => {
  const runs = ["a", "b", "c"].map((name) => named(name));
  const turnsOf = new Turns(1);
  const statuses = runs.map((_, index) => reconcile(turnsOf, runs, index, { lags: true }));
  assert.deepEqual(
    statuses.map(({ state, attempts = [] }) => [state, attempts.length]),
    [
      ["Pending", 1],
      ["Queued", 0],
      ["Queued", 0],
    ],
  );
});

test("a place whose record was lost is given to the same run again, and not twice", () => {
  const runs = ["a", "b"].map((name) => named(name));
  const turnsOf = new Turns(1);
  reconcile(turnsOf, runs, 0, { lags: true });
  assert.equal(reconcile(turnsOf, runs, 0).attempts?.length, 1);
  assert.equal(reconcile(turnsOf, runs, 1).state, "Queued");
});

test("ten runs under a limit of three all train, in the order of their arrival", () => {
  const runs = Array.from({ length: 10 }, (_, index) => named(`run-${index}`, {}, index));
  const turnsOf = new Turns(3);
  const started: string[] = [];
  // After their arrival the last are asked first, so that the order of reconciles does not decide.
  const arrival = runs.map((_, index) => index);
  for (let round = 0; round < 11; round++) {
    for (const index of round === 0 ? arrival : arrival.toReversed()) {
      const had = placeOf(runs[index]!);
      reconcile(turnsOf, runs, index);
      if (had !== "Running" && placeOf(runs[index]!) === "Running") started.push(runs[index]!.metadata.name);
    }
    const busy = runs.filter((run) => placeOf(run) === "Running");
    assert.ok(busy.length <= 3, `${busy.length} runs`);
    const [oldest] = busy.sort((a, b) => started.indexOf(a.metadata.name) - started.indexOf(b.metadata.name));
    const at = runs.findIndex(({ metadata }) => metadata.name === oldest?.metadata.name);
    if (at >= 0) runs[at] = { ...runs[at]!, status: succeeded(runs[at]!).status! };
  }
  assert.deepEqual(
    started,
    runs.map(({ metadata }) => metadata.name),
  );
});

test("the end, the stop and the deletion of a run wake those that wait in its namespace, and nothing else does", () => {
  const { fineTuneRuns } = newCaches();
  const runs = [running("a"), waiting("b", 1), succeeded(aRun(job)), waiting("c", 2)];
  for (const run of runs) fineTuneRuns.set(run);
  const far = waiting("d", 3);
  fineTuneRuns.set({ ...far, metadata: { ...far.metadata, namespace: "other" } });
  const woken = (change: Parameters<typeof wokenBy>[0]) =>
    wokenBy(change, fineTuneRuns).map(({ metadata }) => metadata.name);
  const [previous] = runs as [FineTuneRun];
  const ended = { ...previous, status: succeeded(previous).status! };
  const trains = { ...previous, status: { ...previous.status, progress: { updatedAt: "2026-01-02T03:04:00Z" } } };
  assert.deepEqual(woken({ type: "Modified", previous, object: ended }), ["b", "c"]);
  assert.deepEqual(woken({ type: "Deleted", object: previous }), ["b", "c"]);
  assert.deepEqual(woken({ type: "Modified", previous, object: trains }), []);
});

test("a run that waits says so, keeps the time of its arrival, and drops it when it starts or is no longer wanted", () => {
  const turnsOf = new Turns(1);
  const runs = [running("a"), waiting("b", 1)];
  const status = reconcile(turnsOf, runs, 1);
  assert.equal(status.queuedSince, "2026-01-02T03:04:11Z");
  assert.equal(conditionOf({ status }, "Ready")?.reason, "ConcurrencyLimit");
  runs[0] = { ...runs[0]!, status: succeeded(runs[0]!).status! };
  assert.equal(reconcile(turnsOf, runs, 1).queuedSince, undefined);
  const world = { run: waiting("b", 1), now, ...trainer, expectedBy: [], progress: undefined, attempt: undefined };
  const turn = { running: 1, limit: 1, position: 1 };
  assert.equal(decide({ ...world, wantedBy: [], turn }).status.queuedSince, undefined);
});
