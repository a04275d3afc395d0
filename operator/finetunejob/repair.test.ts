import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aJob, anAdapter, aPinnedJob, aRun, succeeded } from "../testing/builders.ts";
import { actions, aWorld } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import { runUnderWay, withCurrentRun, withPinsOf, withPromoted } from "./repair.ts";

const job = aPinnedJob();
const run = aRun(job);
const { specHash } = run.spec;
const attempts = [{ number: 1, jobName: `${run.metadata.name}-1`, startedAt: "2026-01-02T03:00:00Z" }];
const underWay = { ...run, status: { attempts } };
const ref = { name: run.metadata.name, uid: "run-uid" };

describe("the run of a job whose status does not name it", () => {
  test("the run of a job whose status does not name it is the newest active run of its settings", () => {
    const at = (creationTimestamp: string, name: string) => ({
      ...underWay,
      metadata: { ...run.metadata, name, creationTimestamp },
    });
    const [old, young] = [at("2026-01-01T00:00:00Z", "old"), at("2026-01-02T00:00:00Z", "young")];
    assert.equal(runUnderWay([old, young, run], specHash), young);
    assert.equal(runUnderWay([succeeded(run)], specHash), undefined);
    assert.equal(runUnderWay([underWay], "0".repeat(64)), undefined);
  });

  test("the run of a job whose status does not name it is named again, while the inputs are read again and an older Adapter of the settings exists", () => {
    const stripped = withCurrentRun(aJob(), underWay);
    assert.deepEqual(stripped.status?.currentRunRef, ref);
    const before = anAdapter(job, succeeded(run));
    const decision = decide(aWorld(stripped, { currentRun: underWay, adapters: [before] }));
    assert.deepEqual([actions(decision), decision.status.currentRunRef], [["createPrepare"], ref]);
  });
});

describe("the repair removes from a status", () => {
  const name = `bot-${run.spec.runHash.slice(0, 8)}`;
  const naming = (adapterName: string) => ({
    ...job,
    status: { ...job.status, currentRunRef: { ...ref, adapterName } },
  });

  test("the repair removes from a status an Adapter of a run that has not succeeded, or one with a wrong name", () => {
    assert.deepEqual(withCurrentRun(naming(name), underWay).status?.currentRunRef, ref);
    assert.deepEqual(withCurrentRun(naming("nobody"), succeeded(run)).status?.currentRunRef, ref);
    const good = naming(name);
    assert.equal(withCurrentRun(good, succeeded(run)), good);
  });

  test("the repair removes from a status other pins than those of the running training", () => {
    const wanted = { specHash, prepareKey: run.spec.pins.prepareKey };
    const lie = { ...job.status!.pins!, datasetDigest: `sha256:${"0".repeat(64)}`, store: "pvc://store/team" };
    const lied = { ...job, status: { ...job.status, pins: lie } };
    const right = { ...run.spec.pins, store: "pvc://store/team" };
    assert.deepEqual(withPinsOf(lied, underWay, wanted).status?.pins, right);
    for (const other of [run, succeeded(run), undefined]) assert.equal(withPinsOf(lied, other, wanted), lied);
    assert.equal(withPinsOf(lied, underWay, { ...wanted, prepareKey: "0".repeat(64) }), lied);
    assert.equal(withPinsOf(job, underWay, wanted), job);
  });

  test("the repair removes from a status a promoted Adapter that does not exist", () => {
    const lie = { ...job, status: { ...job.status, promotedAdapterRef: { name: "nobody" } } };
    assert.equal(withPromoted(lie, []).status?.promotedAdapterRef, undefined);
    const adapter = anAdapter(job, succeeded(run));
    const good = { ...job, status: { ...job.status, promotedAdapterRef: { name: adapter.metadata.name } } };
    assert.equal(withPromoted(good, [adapter]), good);
  });
});
