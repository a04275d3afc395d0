import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ExportEntry } from "../../trainer/contract/exports.ts";
import { runHash } from "../../trainer/contract/hashes.ts";
import { trainingPart } from "../../trainer/contract/writtenOut.ts";
import type { Helpers } from "../api/common.ts";
import { aJob, anAdapter, aPinnedJob, aRun, aSpec, succeeded } from "../testing/builders.ts";
import { actions, aPlan, aWorld, pinned, ready, stalled, withRun } from "../testing/worlds.ts";
import { adapterUpdate } from "./children.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

describe("Adapter", () => {
  test("a finished run becomes a promoted Adapter", () => {
    const decision = decide(withRun(({ run }) => ({ run: succeeded(run!) })));
    assert.deepEqual(actions(decision), ["applyAdapter", "promote"]);
    const [action] = decision.actions;
    assert.ok(action?.kind === "applyAdapter");
    assert.equal(action.adapter.spec.results?.evaluation?.after, "0.95");
    assert.equal(decision.status.currentRunRef?.adapterName, action.adapter.metadata.name);
  });

  test("the operator never takes over a foreign Adapter of the needed name", () => {
    const decision = decide(withRun(({ run }) => ({ run: succeeded(run!), adapterNameTaken: true })));
    assert.deepEqual([actions(decision), stalled(decision)?.reason], [[], "NameConflict"]);
  });

  test("a settled job is Ready, takes no action, and reports its result", () => {
    const world = withRun(({ job, run }) => ({
      adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
    }));
    const decision = decide(world);
    assert.deepEqual(actions(decision), []);
    assert.equal(ready(decision)?.status, "True");
    assert.match(ready(decision)?.message ?? "", /0\.5 → 0\.95 on 100/);
  });

  test("settings that were trained before need no pod: a revert promotes in one write", () => {
    const before = aPinnedJob();
    const old = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const other = { ...before, spec: aSpec({ method: { lora: { rank: 4 } } }) };
    const newer = anAdapter(other, succeeded(aRun(other)), { promotedAt: "2026-01-02T00:00:00Z" });
    const status = { promotedAdapterRef: { name: newer.metadata.name } };
    const decision = decide(aWorld(aJob(aSpec(), status), { adapters: [old, newer] }));
    assert.deepEqual(actions(decision), ["promote"]);
    assert.equal(decision.status.promotedAdapterRef?.name, old.metadata.name);
  });

  test("the operator promotes the Adapter that a person chose, for any settings, and trains nothing", () => {
    const before = aPinnedJob();
    const old = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const spec = (name: string) => aSpec({ method: { lora: { rank: 4 } }, promotion: { adapterRef: { name } } });
    const decision = decide(aWorld(aJob(spec(old.metadata.name)), { adapters: [old] }));
    assert.equal(decision.status.promotedAdapterRef?.name, old.metadata.name);
    assert.ok(!actions(decision).includes("createPrepare"));
    const wrong = decide(aWorld(aJob(spec("none")), { adapters: [old] }));
    assert.equal(stalled(wrong)?.reason, "AdapterNotFound");
    assert.ok(stalled(wrong)?.message.includes(old.metadata.name));
  });

  test("a choice of a missing Adapter releases a running training, and keeps the status of a finished one", () => {
    const spec = aSpec({ promotion: { adapterRef: { name: "none" } } });
    const refAfter = (adapterName?: string) => {
      const world = withRun(({ run }) => ({ currentRun: { ...run!, status: { state: "Training" } } }));
      const currentRunRef = { ...world.job.status!.currentRunRef!, ...(adapterName && { adapterName }) };
      const job = { ...world.job, spec, status: { ...world.job.status, currentRunRef } };
      const decision = decide({ ...world, job, wanted: { ...world.wanted, spec } } as World);
      assert.equal(stalled(decision)?.reason, "AdapterNotFound");
      return decision.status.currentRunRef;
    };
    assert.equal(refAfter(), undefined);
    assert.equal(refAfter("bot-1")?.adapterName, "bot-1");
  });

  test("the operator trains on changed data, although an Adapter of the same settings on older data exists", () => {
    const before = aPinnedJob();
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const { pins, inputs } = before.status!;
    const moved = aJob(aSpec(), { inputs: inputs!, pins: { ...pins!, datasetDigest: `sha256:${"9".repeat(64)}` } });
    const hash = runHash(trainingPart(aSpec()), moved.status!.pins!);
    const decision = decide(aWorld(moved, { adapters: [adapter], plan: aPlan(true), runHash: hash }));
    assert.deepEqual(actions(decision), ["createRun"]);
  });

  test("a job restored without status finds its Adapter: no pod, no write to it", () => {
    const before = aPinnedJob();
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const decision = decide(aWorld(aJob(), { adapters: [adapter] }));
    assert.deepEqual(actions(decision), []);
    assert.equal(ready(decision)?.status, "True");
  });

  test("after an edit of the store the operator promotes no Adapter of the old store, unless a person chose it", () => {
    const before = aPinnedJob();
    const adapter = anAdapter(before, succeeded(aRun(before)), { promotedAt: "2026-01-01T00:00:00Z" });
    const moved = aSpec({ artifacts: { uri: "pvc://other" } });
    const elsewhere = decide(pinned({ adapters: [adapter] }, moved));
    assert.deepEqual([actions(elsewhere), stalled(elsewhere)?.reason], [[], "ArtifactsElsewhere"]);
    assert.match(stalled(elsewhere)?.message ?? "", /pvc:\/\/store\/team/);
    const chosen = { ...moved, promotion: { adapterRef: { name: adapter.metadata.name } } };
    assert.equal(ready(decide(pinned({ adapters: [adapter] }, chosen)))?.status, "True");
  });

  test("an edit of exports reaches the promoted Adapter and trains nothing", () => {
    const world = withRun(({ job, run }) => ({
      adapters: [anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" })],
    }));
    const spec = aSpec({ adapter: { exports: [{ name: "merged", merged: {} }] } });
    const decision = decide({ ...world, job: { ...world.job, spec }, wanted: { ...world.wanted, spec } } as World);
    assert.deepEqual(actions(decision), ["updateAdapter"]);
    assert.equal(ready(decision)?.status, "False");
  });

  test("an edit of exports leaves those that others added, and an edit back changes nothing", () => {
    const job = aPinnedJob(aSpec({ adapter: { exports: [{ name: "ours", merged: { dtype: "F32" } }] } }));
    const made = anAdapter(job, succeeded(aRun(job)));
    const theirs = { name: "theirs", merged: {} };
    const adapter = { ...made, spec: { ...made.spec, exports: [theirs, ...(made.spec.exports ?? [])] } };
    const update = (exports: ExportEntry[], helpers: Helpers = {}) =>
      adapterUpdate(adapter, aSpec({ adapter: { exports }, helpers }));
    assert.equal(update([{ name: "ours", merged: { dtype: "F32" } }]), undefined);
    const edited = { name: "ours", merged: {} };
    assert.deepEqual(update([edited]), { exports: [theirs, edited], execution: { placement: {} }, names: "ours" });
    assert.deepEqual(update([])?.exports, [theirs]);
    const resources = { limits: { memory: "2Gi" } };
    assert.deepEqual(update([edited], { resources })?.execution, { placement: { resources } });
  });

  test("a promoted Adapter that a person deleted stays deleted, and the operator trains nothing", () => {
    const world = withRun(({ job, run }) => ({
      currentRun: succeeded(run!),
      run: succeeded(run!),
      job: {
        ...job,
        status: {
          ...job.status,
          currentRunRef: { ...job.status!.currentRunRef!, adapterName: "bot-1" },
          promotedAdapterRef: { name: "bot-1" },
        },
      },
    }));
    const decision = decide(world);
    assert.deepEqual(actions(decision), []);
    assert.equal(stalled(decision)?.reason, "AdapterDeleted");
    assert.equal(decision.status.promotedAdapterRef, undefined);
    assert.deepEqual(actions(decide({ ...world, job: { ...world.job, status: decision.status } })), []);
  });

  test("the operator recreates a deleted Adapter from the store when its run was deleted", () => {
    const world = withRun();
    const status = {
      ...world.job.status,
      currentRunRef: { ...world.job.status!.currentRunRef!, adapterName: "bot-1" },
    };
    const decision = decide({ ...world, job: { ...world.job, status }, run: undefined, currentRun: undefined });
    assert.deepEqual(actions(decision), ["createRun"]);
  });

  test("an Adapter whose status describes an older spec is not ready yet", () => {
    const world = withRun(({ job, run }) => {
      const adapter = anAdapter(job, succeeded(run!), { promotedAt: "2026-01-02T03:00:00Z" });
      return { adapters: [{ ...adapter, metadata: { ...adapter.metadata, generation: 2 } }] };
    });
    assert.equal(ready(decide(world))?.status, "False");
  });
});
