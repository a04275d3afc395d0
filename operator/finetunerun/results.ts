/** Converts a training's report to the API's results. Pure. It ignores figures that do not belong to this run. */
import type { Envelope, ExactMatch, TrainFigures } from "../../trainer/contract/report.ts";
import type { ProgressStatus, Results } from "../api/common.ts";
import { figureText } from "../jobs/progress.ts";
import { timestamp } from "../runtime/clock.ts";

/** The figures of a successful envelope of this same run; undefined otherwise. */
export function trainFiguresOf(envelope: Envelope | undefined, runHash: string): TrainFigures | undefined {
  if (envelope?.stage !== "Train" || envelope.outcome !== "Succeeded") return undefined;
  return envelope.figures?.runHash === runHash ? envelope.figures : undefined;
}

export function resultsOf(figures: TrainFigures): Results {
  const evaluation = evaluationOf(figures.evaluationBefore, figures.evaluationAfter);
  return {
    steps: figures.steps,
    bestStep: figures.bestStep,
    loss: figureText(figures.loss),
    ...(figures.evalLoss === undefined ? {} : { evalLoss: figureText(figures.evalLoss) }),
    ...rewardsOf(figures),
    ...(evaluation === undefined ? {} : { evaluation }),
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

function evaluationOf(before: ExactMatch | undefined, after: ExactMatch | undefined): Results["evaluation"] {
  const any = after ?? before;
  if (any === undefined) return undefined;
  return {
    ...(before === undefined ? {} : { before: figureText(before.exactMatch) }),
    ...(after === undefined ? {} : { after: figureText(after.exactMatch) }),
    majorityShare: figureText(any.majorityShare),
    examples: any.examples,
  };
}
