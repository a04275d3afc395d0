import assert from "node:assert/strict";
import { test } from "node:test";
import { type Outcome, outcomeLines, type TrainingResult } from "./resultView.ts";

const training: TrainingResult = {
  steps: 120,
  bestStep: 100,
  loss: 0.0523,
  evalLoss: 0.0712,
  evaluationBefore: { exactMatch: 0.4953, examples: 321, majorityShare: 0.5016 },
  evaluationAfter: { exactMatch: 0.9408, examples: 321, majorityShare: 0.5016 },
  trainableParameters: 310_000,
  totalParameters: 5_800_000,
  tokensPerSecond: 6100,
  seconds: 92,
  predictedPeakBytes: 210 << 20,
  measuredPeakBytes: 210 << 20,
  resumes: 0,
};
const outcome: Outcome = {
  title: "spam-filter is trained",
  training,
  exports: [{ name: "merged", sizeBytes: 11 << 20, shards: 1, maxLogitDifference: 0.031, klDivergence: 1.2e-5 }],
  places: [["adapter", "/x/adapter"]],
};

test("the evaluation before and after is shown beside the majority baseline", () => {
  const text = outcomeLines(outcome).join("\n");
  assert.match(text, /before +after +majority baseline\n +exact match +49\.5 % +94\.1 % +50\.2 %\n +on 321/);
});

test("every metric has a line, and only an exact match has a majority baseline", () => {
  const metrics = { Perplexity: 3.25, F1: 0.5 };
  const shown = (figures: object) =>
    outcomeLines({ ...outcome, training: { ...training, evaluationAfter: { examples: 321, ...figures } } }).join("\n");
  const both = shown({ ...training.evaluationAfter, metrics });
  assert.match(both, /before +after +majority baseline\n +exact match .*\n +perplexity +– +3\.250\n +F1 +– +50\.0 %\n/);
  assert.match(shown({ metrics }), /before +after\n +perplexity +– +3\.250\n +F1 +– +50\.0 %\n +on 321/);
});

test("the result shows figures, the verified export and the paths of the files", () => {
  const text = outcomeLines(outcome).join("\n");
  assert.match(text, /steps +120 \(kept: step 100\) in 1 min 32 s, 6\.1 k tokens\/s\n/);
  assert.match(
    text,
    /export merged +11\.0 MiB in 1 shard; read back, logits differ by at most 0\.03100 \(KL 1\.20e-5\)/,
  );
  assert.match(text, /adapter +\/x\/adapter$/);
});

test("a training without a test set shows no evaluation", () => {
  const { evaluationAfter: _, ...rest } = training;
  assert.doesNotMatch(outcomeLines({ ...outcome, training: rest }).join("\n"), /exact match/);
});

test("the measured peak stands beside the predicted one", () => {
  assert.match(outcomeLines(outcome).join("\n"), /memory +210 MiB at most, 210 MiB predicted\n/);
});

test("the result of a resumed training mentions the resume", () => {
  assert.match(outcomeLines({ ...outcome, training: { ...training, resumes: 2 } }).join("\n"), /resumed 2 times/);
});
