/** The gate of promotion as a table. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FurtherMetric, TaskMetricName } from "../../trainer/contract/taskMetrics.ts";
import type { FineTuneJobSpec } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import type { Promotion } from "../api/promotion.ts";
import { anAdapter, aPinnedJob, aRun, aSpec, succeeded } from "../testing/builders.ts";
import { digestOf, type Figures, measured } from "../testing/measured.ts";
import { type GateAnswer, gate } from "./gate.ts";

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
  const pinned = { ...run, spec: { ...run.spec, pins: { ...run.spec.pins, validationDigest: digestOf("v") } } };
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
    assert.equal(plain, digestOf("v"), "the plain loss keeps the digest of the data");
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
