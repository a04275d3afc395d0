/** The steps of a FineTuneJob around the gate of promotion: a candidate is kept, promoted, waits for a person, or is deleted. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Adapter } from "../api/kinds.ts";
import type { Promotion } from "../api/promotion.ts";
import { aJob, aSpec, succeeded } from "../testing/builders.ts";
import { measured } from "../testing/measured.ts";
import { actions, aWorld, conditionOf, ready, stalled, withRun } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import type { World } from "./world.ts";

const byMatch = { policy: "IfBetter", metric: "ExactMatch" } as const;

describe("a FineTuneJob with a policy", () => {
  const promoted = measured(8, { after: "0.9" }, "2026-01-01T00:00:00Z");
  const candidate = measured(4, { after: "0.8" });
  const good = measured(4, { after: "0.95" });

  /** A job of the candidate's settings whose `promoted` Adapter is another. */
  function world(adapters: Adapter[], promotion: Promotion, exports?: "merged"): World {
    const adapter = exports === undefined ? {} : { adapter: { exports: [{ name: exports, merged: {} }] } };
    const spec = aSpec({ method: { lora: { rank: 4 } }, promotion, ...adapter });
    const status = adapters.includes(promoted) ? { promotedAdapterRef: { name: promoted.metadata.name } } : {};
    return aWorld(aJob(spec, status), { adapters });
  }

  test("a candidate that is not better is a settled end: Ready, no action, the earlier Adapter stays promoted", () => {
    const decision = decide(world([promoted, candidate], byMatch));
    assert.deepEqual(actions(decision), []);
    assert.equal(decision.status.promotedAdapterRef?.name, promoted.metadata.name);
    assert.deepEqual([decision.status.state, ready(decision)?.status], ["NotPromoted", "True"]);
    assert.equal(stalled(decision), undefined);
    assert.deepEqual(conditionOf(decision, "Promoted")?.reason, "NotBetter");
  });

  test("a better candidate is exported first; the pointer moves when its exports are ready", () => {
    const first = decide(world([promoted, good], byMatch, "merged"));
    assert.deepEqual(actions(first), ["updateAdapter"]);
    assert.equal(first.status.promotedAdapterRef?.name, promoted.metadata.name);
    const ofJob = { "luthier.dev/job-exports": "merged" };
    const exported = {
      ...good,
      metadata: { ...good.metadata, annotations: ofJob },
      spec: { ...good.spec, exports: [{ name: "merged", merged: {} }] },
    };
    const unready: Adapter = { ...exported, status: { observedGeneration: 1, conditions: [] } };
    const then = decide(world([promoted, unready], byMatch, "merged"));
    assert.deepEqual([actions(then), then.status.promotedAdapterRef?.name], [[], promoted.metadata.name]);
    const last = decide(world([promoted, exported], byMatch, "merged"));
    assert.deepEqual([actions(last), last.status.promotedAdapterRef?.name], [["promote"], good.metadata.name]);
  });

  test("without a promoted Adapter, Manual waits for a person, and an unmet requirement needs one", () => {
    const manual = decide(world([candidate], { policy: "Manual" }));
    assert.deepEqual(
      [ready(manual)?.status, ready(manual)?.reason, stalled(manual)],
      ["False", "AwaitingPromotion", undefined],
    );
    const unmet = decide(world([candidate], { require: [{ metric: "ExactMatch", atLeast: "0.9" }] }));
    assert.equal(stalled(unmet)?.reason, "RequirementNotMet");
    assert.equal(unmet.status.promotedAdapterRef, undefined);
  });

  test("a promoted Adapter that is chosen by name is promoted, whatever the policy, and stays so when the name is removed", () => {
    const chosen = decide(world([promoted, candidate], { ...byMatch, adapterRef: { name: candidate.metadata.name } }));
    assert.equal(chosen.status.promotedAdapterRef?.name, candidate.metadata.name);
    const now = {
      ...candidate,
      metadata: {
        ...candidate.metadata,
        annotations: { ...candidate.metadata.annotations, "luthier.dev/promoted-at": "2026-01-02T00:00:00Z" },
      },
    };
    const before = world([promoted, now], byMatch);
    const job = { ...before.job, status: { promotedAdapterRef: { name: now.metadata.name } } };
    const after = decide({ ...before, job });
    assert.deepEqual([after.status.state, after.status.promotedAdapterRef?.name], ["Ready", now.metadata.name]);
  });

  test("after a loss of the status the Adapter that was promoted last is compared", () => {
    const lost = world([promoted, candidate], byMatch);
    const decision = decide({ ...lost, job: { ...lost.job, status: {} } });
    assert.deepEqual(
      [decision.status.state, decision.status.promotedAdapterRef?.name],
      ["NotPromoted", promoted.metadata.name],
    );
  });

  test("a finished run becomes an Adapter without exports and without a promotion", () => {
    const decision = decide(
      withRun(({ run, job, wanted }) => {
        const spec = { ...job.spec, promotion: byMatch, adapter: { exports: [{ name: "merged", merged: {} }] } };
        assert.ok("spec" in wanted);
        return { run: succeeded(run!), job: { ...job, spec }, wanted: { ...wanted, spec } };
      }),
    );
    assert.deepEqual(actions(decision), ["applyAdapter"]);
    const [action] = decision.actions;
    assert.ok(action?.kind === "applyAdapter");
    assert.deepEqual(action.adapter.spec.exports, []);
    assert.equal(decision.status.promotedAdapterRef, undefined);
  });

  /** The spec's Adapter `bot-gone` was deleted; these exist, and this one is promoted. */
  const withoutCandidate = (adapters: Adapter[], promotedAdapterRef?: { name: string }): World =>
    withRun(({ run, job }) => {
      const currentRunRef = { ...job.status!.currentRunRef!, adapterName: "bot-gone" };
      const status = { ...job.status, currentRunRef, ...(promotedAdapterRef && { promotedAdapterRef }) };
      const ended = succeeded(run!);
      return { run: ended, currentRun: ended, job: { ...job, status }, adapters };
    });

  test("a deleted candidate stays deleted, and the promoted Adapter stays promoted: Ready, with the true reason", () => {
    const before = withoutCandidate([promoted], { name: promoted.metadata.name });
    const decision = decide(before);
    assert.deepEqual(actions(decision), []);
    assert.deepEqual([decision.status.state, ready(decision)?.status], ["NotPromoted", "True"]);
    assert.equal(stalled(decision), undefined);
    for (const condition of [ready(decision), conditionOf(decision, "Promoted")]) {
      assert.equal(condition?.reason, "AdapterDeleted");
      assert.match(condition.message, /^Adapter bot-gone was deleted, and Adapter (\S+) stays promoted\. To recreate/);
      assert.ok(condition.message.includes(promoted.metadata.name));
    }
    assert.equal(conditionOf(decision, "Promoted")?.status, "False");
    assert.equal(decision.status.promotedAdapterRef?.name, promoted.metadata.name);
    const again = decide({ ...before, job: { ...before.job, status: decision.status } });
    assert.deepEqual(again.status, decision.status);
  });

  test("after a candidate that was never promoted is deleted, the job stalls without a promoted Adapter, and the operator promotes no earlier one", () => {
    const decision = decide(withoutCandidate([promoted]));
    assert.deepEqual(actions(decision), []);
    assert.deepEqual([decision.status.state, stalled(decision)?.reason], ["Deleted", "AdapterDeleted"]);
    assert.equal(decision.status.promotedAdapterRef, undefined);
  });

  test("after the promoted Adapter and the candidate are deleted, the job stalls and stays so", () => {
    const gone = { ...promoted, metadata: { ...promoted.metadata, deletionTimestamp: "2026-01-02T00:00:00Z" } };
    const before = withoutCandidate([gone], { name: gone.metadata.name });
    const decision = decide(before);
    assert.deepEqual([decision.status.state, stalled(decision)?.reason], ["Deleted", "AdapterDeleted"]);
    assert.equal(decision.status.promotedAdapterRef, undefined);
    const again = decide({ ...before, job: { ...before.job, status: decision.status } });
    assert.equal(stalled(again)?.reason, "AdapterDeleted");
  });
});
