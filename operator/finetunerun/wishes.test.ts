import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newCaches } from "../shared/caches.ts";
import { aPinnedJob, aRun, aSpec } from "../testing/builders.ts";
import { expectedBy, placerOf, wantedBy } from "./wishes.ts";

const run = {
  ...aRun(aPinnedJob()),
  metadata: {
    ...aRun(aPinnedJob()).metadata,
    ownerReferences: ["first", "second"].map((name) => ({ apiVersion: "", kind: "FineTuneJob", name, uid: name })),
  },
};

for (const { name, first, placer, wanted } of [
  {
    name: "the FineTuneJob that requested a run first owns it",
    first: {},
    placer: "first",
    wanted: ["first", "second"],
  },
  {
    name: "the next FineTuneJob owns the run when the first is suspended",
    first: { suspend: true },
    placer: "second",
    wanted: ["second"],
  },
  {
    name: "the next FineTuneJob owns the run when the first is being deleted",
    first: { deleted: true },
    placer: "second",
    wanted: ["second"],
  },
  {
    name: "the next FineTuneJob owns the run when the first wants other settings",
    first: { run: "other" },
    placer: "second",
    wanted: ["second"],
  },
  {
    name: "the next FineTuneJob owns the run when the first was recreated under its name",
    first: { uid: "new" },
    placer: "second",
  },
]) {
  test(name, () => {
    const {
      suspend = false,
      deleted = false,
      run: uid = "run-uid",
      uid: own = "first",
    } = first as Record<string, never>;
    const caches = newCaches();
    const add = (job: string, jobUid: string, spec = aSpec(), ref = "run-uid", deletionTimestamp?: string) =>
      caches.fineTuneJobs.set({
        ...aPinnedJob(spec),
        metadata: { name: job, namespace: "team", uid: jobUid, ...(deletionTimestamp && { deletionTimestamp }) },
        status: { currentRunRef: { name: run.metadata.name, uid: ref } },
      });
    add("first", own, aSpec({ suspend }), uid, deleted ? "x" : undefined);
    add("second", "second");
    assert.equal(placerOf(caches, run), placer);
    assert.deepEqual(wantedBy(caches, run), wanted ?? ["first", "second"]);
  });
}

test("a run that nobody wants has no placer", () => assert.equal(placerOf(newCaches(), run), undefined));

describe("a run that no status names", () => {
  const owners = [{ apiVersion: "", kind: "FineTuneJob", name: "bot", uid: "job-uid" }];
  const made = { ...run, metadata: { ...run.metadata, ownerReferences: owners } };
  const attempts = [{ number: 1, jobName: `${run.metadata.name}-1`, startedAt: "2026-01-02T03:00:00Z" }];
  const underWay = { ...made, status: { attempts } };
  /** Another run of the same FineTuneJob. */
  const other = (specHash: string) => ({
    ...made,
    metadata: { ...made.metadata, name: "run-other", uid: "other-uid" },
    spec: { ...made.spec, specHash },
  });
  const named = { currentRunRef: { name: "run-other", uid: "other-uid" } };
  const otherSettings = "0".repeat(64);
  const cases: {
    name: string;
    spec?: ReturnType<typeof aSpec>;
    status?: ReturnType<typeof aPinnedJob>["status"];
    deleted?: boolean;
    runs?: (typeof made)[];
    expected: boolean;
  }[] = [
    { name: "is expected by the FineTuneJob that has just created it", expected: true },
    { name: "is expected if that status names a run that does not exist", status: named, expected: true },
    {
      name: "is expected while that status still names the run of the earlier settings",
      status: named,
      runs: [other(otherSettings)],
      expected: true,
    },
    {
      name: "is not expected if that status names a newer run of the same settings",
      status: named,
      runs: [other(made.spec.specHash)],
      expected: false,
    },
    { name: "is not expected by a suspended FineTuneJob", spec: aSpec({ suspend: true }), expected: false },
    { name: "is not expected by a FineTuneJob that is being deleted", deleted: true, expected: false },
    {
      name: "is not expected by a FineTuneJob with other settings",
      spec: aSpec({ training: { seed: 7 } }),
      expected: false,
    },
    {
      name: "is not expected by a FineTuneJob with a chosen Adapter",
      spec: aSpec({ promotion: { adapterRef: { name: "bot-1" } } }),
      expected: false,
    },
  ];
  for (const { name, spec = aSpec(), status = {}, deleted = false, runs = [], expected } of cases) {
    test(`the run ${name}`, () => {
      const caches = newCaches();
      const metadata = { name: "bot", namespace: "team", uid: "job-uid", ...(deleted && { deletionTimestamp: "x" }) };
      caches.fineTuneJobs.set({ ...aPinnedJob(spec), metadata, status });
      for (const one of [made, ...runs]) caches.fineTuneRuns.set(one);
      assert.deepEqual(wantedBy(caches, made), []);
      assert.deepEqual(expectedBy(caches, made), expected ? ["bot"] : []);
    });
  }

  test("an active run that no status names prevents the start of a run that a wrong status names", () => {
    const caches = newCaches();
    const wrong = other(otherSettings);
    caches.fineTuneJobs.set({
      ...aPinnedJob(),
      metadata: { name: "bot", namespace: "team", uid: "job-uid" },
      status: named,
    });
    caches.fineTuneRuns.set(wrong);
    assert.deepEqual(wantedBy(caches, wrong), ["bot"], "the run of edited settings continues");
    caches.fineTuneRuns.set(underWay);
    assert.deepEqual([wantedBy(caches, wrong), expectedBy(caches, underWay)], [[], ["bot"]]);
  });
});
