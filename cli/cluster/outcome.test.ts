import assert from "node:assert/strict";
import { test } from "node:test";
import { resultsOf } from "../../operator/finetunerun/results.ts";
import { anAdapter, aPinnedJob, aRun, succeeded, trainFigures } from "../../operator/testing/builders.ts";
import type { EvaluationFigures } from "../../trainer/contract/report.ts";
import { outcomeOf } from "./outcome.ts";

/** The figures that the command line shows of an Adapter whose training reported these. */
function shown(before: EvaluationFigures | undefined, after: EvaluationFigures | undefined) {
  const job = aPinnedJob();
  const run = succeeded(aRun(job));
  const figures = { ...trainFigures(run.spec.runHash), evaluationBefore: before, evaluationAfter: after };
  const adapter = anAdapter(job, run);
  const training = outcomeOf({ ...adapter, spec: { ...adapter.spec, results: resultsOf(figures) } }, [])!.training;
  return [training.evaluationBefore, training.evaluationAfter];
}

test("the metrics of a report pass through the Adapter to the command line, with four digits", () => {
  const exact = { exactMatch: 0.5, majorityShare: 0.25 };
  const metrics = { Perplexity: 2.34567, F1: 0 };
  const cases: [EvaluationFigures | undefined, EvaluationFigures | undefined][] = [
    [undefined, undefined],
    [
      { ...exact, examples: 8 },
      { ...exact, examples: 8 },
    ],
    [
      { examples: 8, metrics },
      { examples: 8, metrics: { F1: 1 } },
    ],
    [
      { ...exact, examples: 8, metrics },
      { ...exact, examples: 8, metrics },
    ],
  ];
  const rounded = (figures: EvaluationFigures | undefined) =>
    figures?.metrics?.Perplexity === undefined
      ? figures
      : { ...figures, metrics: { ...figures.metrics, Perplexity: 2.346 } };
  for (const [before, after] of cases) assert.deepEqual(shown(before, after), [rounded(before), rounded(after)]);
});

test("an exact match alone is stored as in the first release", () => {
  const { evaluation } = resultsOf(trainFigures("0".repeat(64)));
  assert.equal(JSON.stringify(evaluation), '{"before":"0.5","after":"0.95","majorityShare":"0.53","examples":100}');
});
