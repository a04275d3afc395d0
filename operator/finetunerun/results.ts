/** Converts a training's report to the API's results. Pure. It ignores figures that do not belong to this run. */
import type { Curve } from "../../trainer/contract/curves.ts";
import type { Envelope, EvaluationFigures, TrainFigures } from "../../trainer/contract/report.ts";
import { furtherMetrics } from "../../trainer/contract/taskMetrics.ts";
import type { ProgressStatus, Results } from "../api/common.ts";
import { figureText } from "../jobs/progress.ts";
import { timestamp } from "../runtime/clock.ts";

/** The figures of a successful envelope of this same run; undefined otherwise. */
export function trainFiguresOf(envelope: Envelope | undefined, runHash: string): TrainFigures | undefined {
  if (envelope?.stage !== "Train" || envelope.outcome !== "Succeeded") return undefined;
  return envelope.figures?.runHash === runHash ? envelope.figures : undefined;
}

export function resultsOf(figures: TrainFigures, curves: readonly Curve[] = []): Results {
  const evaluation = evaluationOf(figures.evaluationBefore, figures.evaluationAfter);
  return {
    steps: figures.steps,
    bestStep: figures.bestStep,
    loss: figureText(figures.loss),
    ...(figures.evalLoss === undefined ? {} : { evalLoss: figureText(figures.evalLoss) }),
    ...rewardsOf(figures),
    ...(evaluation === undefined ? {} : { evaluation }),
    ...(curves.length === 0 ? {} : { curves: [...curves] }),
    trainableParameters: figures.trainableParameters,
    totalParameters: figures.totalParameters,
    trainedTokens: figures.trainedTokens,
    tokensPerSecond: figureText(figures.tokensPerSecond),
    seconds: figureText(figures.seconds),
    predictedPeakBytes: figures.predictedPeakBytes,
    measuredPeakBytes: figures.measuredPeakBytes,
    resumes: figures.resumes,
    adapterDigest: figures.adapterDigest,
    adapterBytes: figures.adapterBytes,
    numericsVersion: figures.numericsVersion,
  };
}

function rewardsOf({ evalRewardAccuracy, evalRewardMargin }: TrainFigures) {
  return {
    ...(evalRewardAccuracy === undefined ? {} : { evalRewardAccuracy: figureText(evalRewardAccuracy) }),
    ...(evalRewardMargin === undefined ? {} : { evalRewardMargin: figureText(evalRewardMargin) }),
  };
}

/** The progress that the columns show after the end. */
export function finalProgress(results: Results, now: Date): ProgressStatus {
  const { steps, loss, evalLoss, evalRewardAccuracy } = results;
  return {
    steps: `${steps}/${steps}`,
    loss,
    ...(evalLoss === undefined ? {} : { evalLoss }),
    ...(evalRewardAccuracy === undefined ? {} : { evalRewardAccuracy }),
    updatedAt: timestamp(now),
  };
}

function evaluationOf(
  before: EvaluationFigures | undefined,
  after: EvaluationFigures | undefined,
): Results["evaluation"] {
  const any = after ?? before;
  if (any === undefined) return undefined;
  const metrics = furtherMetrics.flatMap((metric) => {
    const [was, is] = [before?.metrics?.[metric], after?.metrics?.[metric]];
    return was === undefined && is === undefined ? [] : [{ metric, ...figures({ before: was, after: is }) }];
  });
  return {
    ...figures({ before: before?.exactMatch, after: after?.exactMatch, majorityShare: any.majorityShare }),
    examples: any.examples,
    ...(metrics.length === 0 ? {} : { metrics }),
  };
}

/** Those of the figures that were measured. */
function figures<Name extends string>(
  given: Readonly<Record<Name, number | undefined>>,
): Partial<Record<Name, string>> {
  const texts: Partial<Record<Name, string>> = {};
  for (const name in given) if (given[name] !== undefined) texts[name] = figureText(given[name]);
  return texts;
}
