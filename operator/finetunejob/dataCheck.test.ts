/** The scheduled check of the data: its times, when it is due, and what it changes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import type { CheckFigures } from "../../trainer/contract/report.ts";
import { checkFileSchema } from "../../trainer/contract/runFile.ts";
import { type DataCheck, type DataCheckStatus, dataCheck as schema } from "../api/dataCheck.ts";
import { fineTuneJobStatus } from "../api/fineTuneJob.ts";
import { annotations } from "../api/names.ts";
import { jobState } from "../jobs/outcome.ts";
import type { Job } from "../jobs/resources.ts";
import {
  aBatchJob,
  aJob,
  anAdapter,
  anEnvelope,
  aPinnedJob,
  aPod,
  aRun,
  aSpec,
  failed,
  prepareFigures,
  succeeded,
} from "../testing/builders.ts";
import { actions, aWorld, conditionOf, pinned, ready, stalled } from "../testing/worlds.ts";
import { checkName } from "./children.ts";
import { checkData, dueCheck, latestTime } from "./dataCheck.ts";
import { decide } from "./decide.ts";
import { dueLook } from "./pins.ts";
import type { World } from "./world.ts";

const nightly: DataCheck = { schedule: "0 3 * * *" };
const iso = (date: Date | undefined) => date?.toISOString();

describe("times", () => {
  const cases: [string, DataCheck, string, string][] = [
    ["the time itself", nightly, "2026-11-30T03:00:00Z", "2026-11-30T03:00:00.000Z"],
    ["the time before", nightly, "2026-11-30T02:59:59Z", "2026-11-29T03:00:00.000Z"],
    ["the newest of missed ones", nightly, "2026-12-24T12:00:00Z", "2026-12-24T03:00:00.000Z"],
    ["a time zone", { ...nightly, timeZone: "Asia/Kolkata" }, "2026-11-30T00:00:00Z", "2026-11-29T21:30:00.000Z"],
    [
      "a skipped time is the first one after it",
      { schedule: "30 2 * * *", timeZone: "Europe/Paris" },
      "2026-03-29T12:00:00Z",
      "2026-03-29T01:00:00.000Z",
    ],
    [
      "a time that occurs twice counts once",
      { schedule: "30 2 * * *", timeZone: "Europe/Paris" },
      "2026-10-25T12:00:00Z",
      "2026-10-25T00:30:00.000Z",
    ],
    [
      "a schedule within hours counts both",
      { schedule: "*/30 * * * *", timeZone: "Europe/Paris" },
      "2026-10-25T01:40:00Z",
      "2026-10-25T01:30:00.000Z",
    ],
    ["working days", { schedule: "0 8 * * MON-FRI" }, "2026-11-29T12:00:00Z", "2026-11-27T08:00:00.000Z"],
  ];
  for (const [name, check, at, expected] of cases)
    test(name, () => assert.equal(iso(latestTime(check, new Date(at))), expected));

  test("schedules have five fields of existing times, and time zones are known", () => {
    const accepts = (check: object) => schema.safeParse(check).success;
    for (const schedule of ["*/15 8-18 * * 1-5", "0 0 1,15 JAN-mar *", "59 23 31 12 7", "5,10-20/5 */2 * * *"])
      assert.ok(accepts({ schedule }), schedule);
    for (const schedule of ["@daily", "0 3 * *", "0 3 * * * *", "60 3 * * *", "0 24 * * *", "0 3 0 * *", "0 3 31 2 *"])
      assert.ok(!accepts({ schedule }), schedule);
    for (const schedule of ["9-3 3 * * *", "*/0 3 * * *", "0 3 * FOO *", "0  3 * * *", "0 3 L * *"])
      assert.ok(!accepts({ schedule }), schedule);
    for (const timeZone of ["Europe/Paris", "UTC", "Etc/GMT+5"]) assert.ok(accepts({ ...nightly, timeZone }), timeZone);
    for (const timeZone of ["Mars/Base", "", "Europe Paris"]) assert.ok(!accepts({ ...nightly, timeZone }), timeZone);
  });
});

// The tests' time is 2026-01-02T03:04:05Z.
const due = "2026-01-02T03:00:00Z";
const spec = aSpec({ dataCheck: nightly });

/** A job whose inputs were read the day before. */
function checking(change: Partial<World> = {}, status: object = {}, of = spec): World {
  const world = pinned({}, of);
  const job = { ...world.job, status: { ...world.job.status, checkedAt: "2026-01-01T10:00:00Z", ...status } };
  return { ...world, job, ...change };
}

describe("a check is due", () => {
  const isDue = (world: World) => {
    assert.ok("spec" in world.wanted);
    return dueCheck(world.job, world.wanted, world);
  };
  const run = aRun(checking().job);
  const unread = aWorld(aJob(spec));

  const cases: readonly { name: string; world: World; at?: string }[] = [
    { name: "at its time", world: checking(), at: due },
    {
      name: "once for all missed times",
      world: checking({ now: new Date("2026-02-10T00:00:00Z") }),
      at: "2026-02-09T03:00:00Z",
    },
    { name: "not without a schedule", world: checking({}, {}, aSpec()) },
    { name: "not before its time", world: checking({ now: new Date("2026-01-02T02:59:00Z") }) },
    { name: "not after the inputs were read", world: checking({}, { checkedAt: "2026-01-02T03:01:00Z" }) },
    { name: "not twice", world: checking({}, { dataCheck: { scheduledAt: due, outcome: "Unchanged" } }) },
    { name: "not while the job is suspended", world: checking({}, {}, { ...spec, suspend: true }) },
    {
      name: "not for a pinned Adapter",
      world: checking({}, {}, { ...spec, promotion: { adapterRef: { name: "a" } } }),
    },
    { name: "not while a run trains", world: checking({ currentRun: run }) },
    { name: "not before the run has its Adapter", world: checking({ currentRun: succeeded(run) }) },
    { name: "after a run has failed", world: checking({ currentRun: failed(run) }), at: due },
    { name: "not before the inputs are read", world: unread },
  ];
  for (const { name, world, at } of cases) test(name, () => assert.equal(isDue(world), at));
});

/** The world with its due check in this state. */
function observed(job: Job | undefined, pods: Parameters<typeof jobState>[1] = [], world = checking()): World {
  return { ...world, check: { scheduledAt: due, observed: { job, state: jobState(job, pods) } } };
}

/** A check that has ended with these figures. */
function ended(figures: Partial<CheckFigures>, world = checking()): World {
  assert.ok("spec" in world.wanted);
  const all = { prepareKey: world.wanted.prepareKey, changed: false, files: 3, bytes: 900, ...figures };
  const message = anEnvelope({ stage: "Check", figures: all });
  return observed(aBatchJob({ type: "Complete" }), [aPod({ exitCode: 0, message })], world);
}

const moved = { changed: true, before: { bytes: 800, added: 2, removed: 1, modified: 0 } };

/** A job that is Ready with the Adapter of its settings. */
function settledWorld(): World {
  const world = checking();
  const end = succeeded(aRun(world.job));
  const adapter = anAdapter(world.job, end, { promotedAt: "2026-01-01T12:00:00Z" });
  const ref = { name: end.metadata.name, uid: "run-uid", adapterName: adapter.metadata.name };
  const status = { ...world.job.status, currentRunRef: ref, promotedAdapterRef: { name: adapter.metadata.name } };
  const settled = {
    ...world,
    job: { ...world.job, status },
    run: end,
    currentRun: end,
    adapters: [adapter],
    plan: undefined,
  };
  // As the status is after the first visit.
  return { ...settled, job: { ...settled.job, status: decide(settled).status } };
}

describe("a check", () => {
  test("is a Job of the data's files, and starting it changes no status", () => {
    const world = settledWorld();
    const decision = decide(observed(undefined, [], world));
    assert.deepEqual(actions(decision), ["createCheck"]);
    assert.deepEqual(decision.status, world.job.status);
    const [create] = decision.actions;
    assert.ok(create?.kind === "createCheck" && "spec" in world.wanted);
    assert.equal(create.job.metadata.name, checkName(world.job, world.wanted));
    const file = create.job.spec?.template.metadata?.annotations?.[annotations.runFile] ?? "";
    assert.equal(checkFileSchema.parse(parse(file)).prepareKey, world.wanted.prepareKey);
  });

  test("that runs changes no status, and neither does the wait for its time, which ends then", () => {
    const world = settledWorld();
    const running = decide(observed(aBatchJob(), [aPod({ running: true })], world));
    const waiting = decide({ ...world, now: new Date("2026-01-02T02:59:00Z") });
    for (const decision of [running, waiting])
      assert.deepEqual([actions(decision), decision.status], [[], world.job.status]);
    assert.equal(waiting.requeueAfterMs, 60_000);
  });

  test("that finds no change writes its times alone, and the job stays Ready", () => {
    const world = settledWorld();
    const { dataCheck, conditions, ...rest } = decide(ended({}, world)).status;
    const { dataCheck: _, conditions: before, ...was } = world.job.status!;
    assert.deepEqual(rest, was);
    assert.deepEqual(dataCheck, { scheduledAt: due, checkedAt: "2026-01-02T03:04:05Z", outcome: "Unchanged" });
    const others = (list: typeof conditions) => list?.filter(({ type }) => type !== "DataChecked");
    assert.deepEqual(others(conditions), others(before));
    const again = decide(ended({}, { ...world, job: { ...world.job, status: { ...was, dataCheck, conditions } } }));
    assert.deepEqual(again.status.conditions, conditions);
    assert.deepEqual(actions(again), ["deleteJob"]);
  });

  test("that finds a change asks for the inputs, and the status says what moved", () => {
    const world = settledWorld();
    const found = decide(ended(moved, world));
    assert.deepEqual(actions(found), ["deleteJob"]);
    assert.equal(ready(found)?.status, "True");
    assert.deepEqual(found.status.dataCheck, {
      scheduledAt: due,
      checkedAt: "2026-01-02T03:04:05Z",
      outcome: "Changed",
      pending: due,
      lastChange: {
        foundAt: "2026-01-02T03:04:05Z",
        ...{ added: 2, removed: 1, modified: 0, files: 3, bytesBefore: 800, bytes: 900, examplesBefore: 100 },
      },
    });
    assert.match(conditionOf(found, "DataChecked")!.message, /2 files added, 1 removed, 0 modified; 800 → 900 bytes\./);
    assert.deepEqual(fineTuneJobStatus.parse(found.status), found.status);

    // The next visit reads the inputs, like a request of a person.
    const job = { ...world.job, status: found.status };
    assert.ok("spec" in world.wanted);
    const request = dueLook(job, world.currentRun, world.wanted.specHash);
    assert.equal(request, due);
    const asked = { ...world, job, wanted: { ...world.wanted, request }, runHash: undefined, run: undefined };
    assert.deepEqual(actions(decide(asked)), ["createPrepare"]);

    // Its pins end the request, and a later person's request still counts.
    const figures = prepareFigures(world.wanted.prepareKey);
    const message = anEnvelope({
      stage: "Prepare",
      figures: { ...figures, dataset: { ...figures.dataset, examples: 120 } },
    });
    const done = aBatchJob({ type: "Complete" });
    const pins = decide({
      ...asked,
      prepare: { job: done, state: jobState(done, [aPod({ exitCode: 0, message })]) },
    });
    assert.equal(pins.status.dataCheck?.pending, undefined);
    assert.equal(pins.status.dataCheck?.lastChange?.examples, 120);
    assert.equal(pins.status.handledRequest, undefined);
    assert.match(conditionOf(pins, "DataChecked")!.message, /; 100 → 120 examples\./);
    assert.equal(conditionOf(pins, "InputsResolved")?.status, "True");
    assert.equal(dueLook({ ...job, status: pins.status }, world.currentRun, world.wanted.specHash), undefined);
  });

  test("handles the time before its Job was created, so that a later one is due again", () => {
    const world = { ...ended({}), now: new Date("2026-01-03T03:30:00Z") };
    const { job, state } = world.check!.observed!;
    const created = { ...job!, metadata: { ...job!.metadata, creationTimestamp: "2026-01-02T03:00:10Z" } };
    const check = { scheduledAt: "2026-01-03T03:00:00Z", observed: { job: created, state } };
    assert.equal(decide({ ...world, check }).status.dataCheck?.scheduledAt, due);
  });

  test("that fails is reported beside the state, and waits for the next time", () => {
    const world = settledWorld();
    const message = anEnvelope({ stage: "Check", outcome: "Failed", reason: "FileMissing", message: "a is missing" });
    const job = aBatchJob({ type: "Failed", reason: "PodFailurePolicy", message: "failed with exit code 21 for x" });
    const decision = decide(observed(job, [aPod({ exitCode: 21, message })], world));
    assert.deepEqual([ready(decision)?.status, stalled(decision)], ["True", undefined]);
    assert.deepEqual(actions(decision), ["deleteJob"]);
    const condition = conditionOf(decision, "DataChecked");
    assert.deepEqual([condition?.status, condition?.reason], ["False", "FileMissing"]);
    assert.match(condition!.message, /a is missing.*checks again at the next scheduled time/);
    assert.equal(decision.status.dataCheck?.scheduledAt, due);
    const lost = decide(observed(aBatchJob({ type: "Complete" }), [], world));
    assert.equal(conditionOf(lost, "DataChecked")?.reason, "ReportLost");
    const foreign = { scheduledAt: due, observed: { job: aBatchJob(), state: { kind: "Foreign" as const } } };
    const taken = decide({ ...world, check: foreign });
    assert.deepEqual([actions(taken), conditionOf(taken, "DataChecked")?.reason], [[], "NameConflict"]);
  });

  test("of another spec's inputs is not believed", () => {
    const decision = decide(ended({ prepareKey: "f".repeat(64), changed: true }, settledWorld()));
    assert.equal(decision.status.dataCheck?.outcome, "Failed");
  });

  test("asks for inputs that could not be read, at each scheduled time", () => {
    const first = decide(aWorld(aJob(spec)));
    const prepare = { ...first.status.prepare!, outcome: "Failed" as const, reason: "BadRow", message: "line 3" };
    const job = aJob(spec, { ...first.status, prepare });
    const world = aWorld({ ...job, metadata: { ...job.metadata, creationTimestamp: "2026-01-01T00:00:00Z" } });
    assert.ok("spec" in world.wanted);
    assert.equal(dueCheck(world.job, world.wanted, world), due);
    const decision = decide({ ...world, check: { scheduledAt: due, observed: undefined } });
    assert.equal(stalled(decision)?.reason, "BadRow");
    assert.deepEqual(decision.status.dataCheck, { scheduledAt: due, outcome: "ReadAgain", pending: due });
    assert.equal(conditionOf(decision, "DataChecked")?.reason, "ReadAgain");
    const next = { ...world.job, status: decision.status };
    assert.equal(dueLook(next, undefined, world.wanted.specHash), due);
    const asked = decide({ ...world, job: next, wanted: { ...world.wanted, request: due } });
    assert.deepEqual(actions(asked), ["createPrepare"]);

    // A person's request counts too, and both are handled by the pins.
    const marked = { ...world.job.metadata, annotations: { [annotations.requestedAt]: "7" } };
    const both = { ...world.job, metadata: marked, status: decision.status };
    const request = dueLook(both, undefined, world.wanted.specHash);
    assert.equal(request, `${due} 7`);
    const message = anEnvelope({ stage: "Prepare", figures: prepareFigures(world.wanted.prepareKey) });
    const done = aBatchJob({ type: "Complete" });
    const read = { job: done, state: jobState(done, [aPod({ exitCode: 0, message })]) };
    const { status } = decide({ ...world, job: both, wanted: { ...world.wanted, request }, prepare: read });
    assert.deepEqual([status.handledRequest, status.dataCheck?.pending], ["7", undefined]);
    assert.equal(dueLook({ ...both, status }, undefined, world.wanted.specHash), undefined);
    assert.equal(conditionOf({ status }, "InputsResolved")?.status, "True");
  });

  test("leaves no status once the field is removed", () => {
    const status: DataCheckStatus = { scheduledAt: due, outcome: "Changed", pending: due };
    const world = checking({}, { dataCheck: status }, aSpec());
    assert.ok("spec" in world.wanted);
    const { world: after } = checkData({ ...world, wanted: world.wanted });
    assert.equal(after.job.status?.dataCheck, undefined);
    assert.equal(conditionOf(decide(world), "DataChecked"), undefined);
  });
});

test("names of checks fit the longest name of a job", () => {
  const { job } = pinned();
  const world = { ...aPinnedJob(), metadata: { ...job.metadata, name: "n".repeat(40) } };
  const { wanted } = checking();
  assert.ok("spec" in wanted);
  assert.ok(checkName(world, wanted).length <= 63);
});
