/** Reads the outcome of a cluster's job from its Adapter, and parses the decimals of Kubernetes objects into numbers. */
import type { Results } from "../../operator/api/common.ts";
import type { Adapter } from "../../operator/api/kinds.ts";
import type { EvaluationFigures } from "../../trainer/contract/report.ts";
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
    evaluationBefore: figuresOf(evaluation, "before"),
    evaluationAfter: figuresOf(evaluation, "after"),
  };
}

/** The figures of the base or of the adapter; undefined if there are none. */
function figuresOf(evaluation: Results["evaluation"], when: "before" | "after"): EvaluationFigures | undefined {
  const { examples = 0, majorityShare = "0", metrics = [], [when]: exactMatch } = evaluation ?? {};
  const further = metrics.flatMap(({ metric, [when]: figure }) =>
    figure === undefined ? [] : [[metric, Number(figure)] as const],
  );
  if (exactMatch === undefined && further.length === 0) return undefined;
  return {
    examples,
    ...(exactMatch !== undefined && { exactMatch: Number(exactMatch), majorityShare: Number(majorityShare) }),
    ...(further.length > 0 && { metrics: Object.fromEntries(further) }),
  };
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
