/** Reads the outcome of a cluster's job from its Adapter, and parses the decimals of Kubernetes objects into numbers. */
import type { Results } from "../../operator/api/common.ts";
import type { Adapter } from "../../operator/api/kinds.ts";
import type { ExactMatch } from "../../trainer/contract/report.ts";
import type { ExportResult, Outcome, TrainingResult } from "../ui/resultView.ts";

/** `places`: labels and locations of the adapter and its exports. */
export function outcomeOf(adapter: Adapter, places: Outcome["places"]): Outcome | undefined {
  const { results } = adapter.spec;
  if (results === undefined) return undefined;
  return {
    title: `Adapter ${adapter.metadata.name} is ready`,
    training: trainingOf(results),
    exports: exportsOf(adapter),
    places,
  };
}

function trainingOf(results: Results): TrainingResult {
  const { loss, evalLoss, evalRewardAccuracy, evalRewardMargin, tokensPerSecond, seconds, evaluation, ...counts } =
    results;
  const number = (figure: string | undefined) => (figure === undefined ? undefined : Number(figure));
  return {
    ...counts,
    loss: Number(loss),
    evalLoss: number(evalLoss),
    evalRewardAccuracy: number(evalRewardAccuracy),
    evalRewardMargin: number(evalRewardMargin),
    tokensPerSecond: Number(tokensPerSecond),
    seconds: Number(seconds),
    evaluationBefore: exactMatchOf(evaluation, evaluation?.before),
    evaluationAfter: exactMatchOf(evaluation, evaluation?.after),
  };
}

function exactMatchOf(evaluation: Results["evaluation"], share: string | undefined): ExactMatch | undefined {
  if (evaluation === undefined || share === undefined) return undefined;
  const { examples = 0, majorityShare = "0" } = evaluation;
  return { exactMatch: Number(share), examples, majorityShare: Number(majorityShare) };
}

function exportsOf({ status }: Adapter): ExportResult[] {
  return (status?.exports ?? []).flatMap(({ name, sizeBytes, shards, verified }) =>
    sizeBytes === undefined || shards === undefined || verified === undefined
      ? []
      : [
          {
            name,
            sizeBytes,
            shards,
            maxLogitDifference: Number(verified.maxLogitDifference),
            klDivergence: Number(verified.klDivergence),
          },
        ],
  );
}
