/** The gate of promotion as a table, and the steps of a FineTuneJob around it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FurtherMetric, TaskMetricName } from "../../trainer/contract/taskMetrics.ts";
import type { Results } from "../api/common.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import type { Promotion } from "../api/promotion.ts";
import { aJob, anAdapter, aPinnedJob, aRun, aSpec, succeeded } from "../testing/builders.ts";
import { actions, aWorld, conditionOf, ready, stalled, withRun } from "../testing/worlds.ts";
import { decide } from "./decide.ts";
import { type GateAnswer, gate } from "./gate.ts";
import type { World } from "./world.ts";

interface Figures {
  after?: string;
  metrics?: NonNullable<NonNullable<Results["evaluation"]>["metrics"]>;
  setup?: { maxNewTokens: number; pattern?: string };
  evalLoss?: string;
  test?: string;
  validation?: string;
}

const digest = (of: string) => `sha256:${Buffer.from(of).toString("hex").padEnd(64, "0")}`;

/** An Adapter of the same test and validation data, unless `figures` name others. */
function measured(
  rank: number,
  { after, metrics, setup, evalLoss, test = "t", validation = "v" }: Figures,
  promotedAt?: string,
): Adapter {
  const job = aPinnedJob(aSpec({ method: { lora: { rank } } }));
  const adapter = anAdapter(job, succeeded(aRun(job)), promotedAt === undefined ? {} : { promotedAt });
  const { evaluation: _, evalLoss: __, ...results } = adapter.spec.results!;
  const provenance = {
    ...adapter.spec.provenance,
    ...(test === "" ? {} : { evaluationSetDigest: digest(test) }),
    ...(validation === "" ? {} : { validationDigest: digest(validation) }),
    ...(setup && { evaluation: setup }),
  };
  const figures = {
    ...((after ?? metrics) && {
      evaluation: { ...(after !== undefined && { after }), examples: 100, ...(metrics && { metrics }) },
    }),
    ...(evalLoss === undefined ? {} : { evalLoss }),
  };
  return { ...adapter, spec: { ...adapter.spec, provenance, results: { ...results, ...figures } } };
}

interface Case {
  name: string;
  /** The metrics of spec.evaluation. Absent: without an evaluation. */
  metrics?: TaskMetricName[];
  promotion: Promotion;
  is: Figures;
  was?: Figures;
  answer: "Passed" | (GateAnswer & { kind: "Kept" })["reason"];
  says?: RegExp;
}

const better = { policy: "IfBetter" } as const;
const byMatch = { ...better, metric: "ExactMatch" } as const;
const byLoss = { ...better, metric: "ValidationLoss" } as const;
const atLeast = (bound: string) => [{ metric: "ExactMatch" as const, atLeast: bound }];

/** Figures of one other metric, measured with the same settings unless `setup` names others. */
const scored = (metric: FurtherMetric, after: string, setup: Figures["setup"] = { maxNewTokens: 16 }): Figures => ({
  metrics: [{ metric, after }],
  setup,
});

const cases: readonly Case[] = [
  {
    name: "the first of the evaluation's metrics is compared: a higher F1 is better",
    promotion: better,
    metrics: ["F1", "ExactMatch"],
    is: { ...scored("F1", "0.7"), after: "0.1" },
    was: { ...scored("F1", "0.6"), after: "0.2" },
    answer: "Passed",
    says: /F1 0\.7, \S+ 0\.6/,
  },
  {
    name: "a lower perplexity is better",
    promotion: { ...better, metric: "Perplexity", minImprovement: "0.5" },
    metrics: ["ExactMatch", "Perplexity"],
    is: scored("Perplexity", "2.5"),
    was: scored("Perplexity", "3"),
    answer: "Passed",
  },
  {
    name: "a higher perplexity is not better",
    promotion: { ...better, metric: "Perplexity" },
    metrics: ["Perplexity"],
    is: scored("Perplexity", "3.1"),
    was: scored("Perplexity", "3"),
    answer: "NotBetter",
  },
  {
    name: "a perplexity above its bound is not promoted",
    promotion: { require: [{ metric: "Perplexity", atMost: "3" }] },
    metrics: ["Perplexity"],
    is: scored("Perplexity", "3.1"),
    answer: "RequirementNotMet",
    says: /perplexity 3\.1, must be at most 3/,
  },
  {
    name: "a share of valid JSON at its bound is promoted",
    promotion: { require: [{ metric: "ValidJson", atLeast: "0.99" }] },
    metrics: ["ValidJson"],
    is: scored("ValidJson", "0.99"),
    answer: "Passed",
  },
  {
    name: "shares of another pattern cannot be compared",
    promotion: better,
    metrics: ["Pattern"],
    is: scored("Pattern", "0.9", { maxNewTokens: 16, pattern: "^a" }),
    was: scored("Pattern", "0.8", { maxNewTokens: 16, pattern: "^b" }),
    answer: "NotComparable",
    says: /its evaluation\.pattern differs/,
  },
  {
    name: "figures of answers of another length cannot be compared",
    promotion: better,
    metrics: ["RougeL"],
    is: scored("RougeL", "0.9", { maxNewTokens: 32 }),
    was: scored("RougeL", "0.8"),
    answer: "NotComparable",
    says: /its evaluation\.maxNewTokens differs/,
  },
  {
    name: "a promoted Adapter without the metric cannot be compared",
    promotion: better,
    metrics: ["F1"],
    is: scored("F1", "0.9"),
    was: { after: "0.9", setup: { maxNewTokens: 16 } },
    answer: "NotComparable",
    says: /has no F1/,
  },
  {
    name: "a higher exact match is better",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.95" },
    was: { after: "0.9" },
    answer: "Passed",
  },
  {
    name: "a lower exact match is not better, and the message has both figures",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.8" },
    was: { after: "0.9" },
    answer: "NotBetter",
    says: /not better than the promoted \S+: exact match 0\.8, \S+ 0\.9\. To promote it anyway, set spec\.promotion\.adapterRef\.name/,
  },
  {
    name: "an equal exact match is not better",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.9" },
    was: { after: "0.9" },
    answer: "NotBetter",
  },
  {
    name: "a lower validation loss is better",
    promotion: byLoss,
    is: { evalLoss: "0.2" },
    was: { evalLoss: "0.3" },
    answer: "Passed",
  },
  {
    name: "a higher validation loss is not better",
    promotion: byLoss,
    is: { evalLoss: "0.4" },
    was: { evalLoss: "0.3" },
    answer: "NotBetter",
  },
  {
    name: "without an evaluation the validation loss is compared",
    promotion: better,
    is: { evalLoss: "0.2" },
    was: { evalLoss: "0.3" },
    answer: "Passed",
  },
  {
    name: "an improvement of exactly minImprovement is enough",
    metrics: ["ExactMatch"],
    promotion: { ...better, minImprovement: "0.05" },
    is: { after: "0.95" },
    was: { after: "0.9" },
    answer: "Passed",
  },
  {
    name: "an improvement below minImprovement is not enough",
    metrics: ["ExactMatch"],
    promotion: { ...better, minImprovement: "0.06" },
    is: { after: "0.95" },
    was: { after: "0.9" },
    answer: "NotBetter",
    says: /\(minImprovement 0\.06\)/,
  },
  {
    name: "the first Adapter has nothing to be compared with",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.1" },
    answer: "Passed",
  },
  {
    name: "other test data cannot be compared",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.95", test: "new" },
    was: { after: "0.9" },
    answer: "NotComparable",
    says: /test data, chat template or tokenizer differ/,
  },
  {
    name: "other test data do not matter to the validation loss",
    promotion: byLoss,
    is: { evalLoss: "0.2", test: "new" },
    was: { evalLoss: "0.3" },
    answer: "Passed",
  },
  {
    name: "another validation split cannot be compared",
    promotion: byLoss,
    is: { evalLoss: "0.2", validation: "new" },
    was: { evalLoss: "0.3" },
    answer: "NotComparable",
    says: /validation data, chat template, tokenizer, training\.objective or training\.labelSmoothing differ/,
  },
  {
    name: "an Adapter of a release that did not record the validation data cannot be compared",
    promotion: byLoss,
    is: { evalLoss: "0.2" },
    was: { evalLoss: "0.3", validation: "" },
    answer: "NotComparable",
    says: /does not record its validation data/,
  },
  {
    name: "a promoted Adapter that was never evaluated cannot be compared",
    metrics: ["ExactMatch"],
    promotion: better,
    is: { after: "0.95" },
    was: { evalLoss: "0.3" },
    answer: "NotComparable",
    says: /has no exact match/,
  },
  {
    name: "a required figure that is reached passes",
    metrics: ["ExactMatch"],
    promotion: { require: atLeast("0.9") },
    is: { after: "0.9" },
    was: { after: "0.99" },
    answer: "Passed",
  },
  {
    name: "a required figure that is not reached keeps the promoted Adapter, although it is better",
    metrics: ["ExactMatch"],
    promotion: { ...better, require: atLeast("0.9") },
    is: { after: "0.8" },
    was: { after: "0.7" },
    answer: "RequirementNotMet",
    says: /exact match 0\.8, must be at least 0\.9/,
  },
  {
    name: "a loss above its bound is not promoted",
    promotion: { require: [{ metric: "ValidationLoss", atMost: "0.5" }] },
    is: { evalLoss: "0.6" },
    answer: "RequirementNotMet",
    says: /validation loss 0\.6, must be at most 0\.5/,
  },
  {
    name: "a required figure that was not measured is not met",
    promotion: { require: atLeast("0.9") },
    is: {},
    answer: "RequirementNotMet",
    says: /exact match was not measured/,
  },
  {
    name: "Manual waits for a person, however good the Adapter is",
    metrics: ["ExactMatch"],
    promotion: { policy: "Manual" },
    is: { after: "1" },
    was: { after: "0.1" },
    answer: "AwaitingPromotion",
    says: /Set spec\.promotion\.adapterRef\.name: bot-/,
  },
];

/** An Adapter of a training on the same validation data. */
function trained(training: FineTuneJobSpec["training"], rank: number, evalLoss: string): Adapter {
  const job = aPinnedJob(aSpec({ method: { lora: { rank } }, ...(training && { training }) }));
  const run = aRun(job);
  const pinned = { ...run, spec: { ...run.spec, pins: { ...run.spec.pins, validationDigest: digest("v") } } };
  const adapter = anAdapter(job, succeeded(pinned));
  return { ...adapter, spec: { ...adapter.spec, results: { ...adapter.spec.results!, evalLoss } } };
}

describe("validation losses", () => {
  const answer = (is: FineTuneJobSpec["training"], was: FineTuneJobSpec["training"]) => {
    const made = gate({ candidate: trained(is, 4, "0.2"), promoted: trained(was, 8, "0.3") }, { promotion: byLoss });
    return made.kind === "Kept" ? made.reason : made.kind;
  };
  const kto = { type: "KTO", beta: "0.1" } as const;

  test("are compared with the same loss, also if its defaults are spelt out or other settings differ", () => {
    const plain = trained(undefined, 4, "0.2").spec.provenance.validationDigest;
    assert.equal(plain, digest("v"), "the plain loss keeps the digest of the data");
    assert.equal(answer(undefined, { objective: { type: "Supervised" }, labelSmoothing: "0" }), "Passed");
    assert.equal(answer({ objective: { type: "DPO" } }, { objective: { type: "DPO", beta: "0.10" } }), "Passed");
    assert.equal(answer({ labelSmoothing: "0.1" }, { labelSmoothing: "0.10", learningRate: "1e-5" }), "Passed");
  });

  test("of another objective, option of it or label smoothing cannot be compared", () => {
    const others: readonly [FineTuneJobSpec["training"], FineTuneJobSpec["training"]][] = [
      [{ objective: { type: "DPO" } }, undefined],
      [{ objective: { type: "DPO" } }, { objective: { type: "ORPO" } }],
      [{ objective: { type: "DPO" } }, { objective: { type: "DPO", beta: "0.2" } }],
      [{ objective: { type: "ORPO" } }, { objective: { type: "ORPO", lambda: "0.2" } }],
      [{ objective: kto }, { objective: { ...kto, desirableWeight: "2" } }],
      [{ objective: kto }, { objective: { ...kto, undesirableWeight: "2" } }],
      [{ labelSmoothing: "0.1" }, undefined],
      [{ labelSmoothing: "0.1" }, { labelSmoothing: "0.2" }],
    ];
    for (const [is, was] of others) assert.equal(answer(is, was), "NotComparable", JSON.stringify([is, was]));
  });
});

for (const { name, promotion, metrics, is, was, answer, says = /./ } of cases) {
  test(name, () => {
    const evaluation = metrics && { test: { uri: "pvc://inputs/test.jsonl" }, metrics };
    const made = gate({ candidate: measured(4, is), promoted: was && measured(8, was) }, { promotion, evaluation });
    assert.equal(made.kind === "Passed" ? "Passed" : made.reason, answer);
    assert.match(made.message, says);
  });
}

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
    const unmet = decide(world([candidate], { require: atLeast("0.9") }));
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
