/** The figures of a finished run, from the final state of its loop. Pure. */
import type { EffectiveSettings } from "../contract/effective.ts";
import type { EvaluationFigures, TrainFigures } from "../contract/report.ts";
import type { Plan } from "../planning/plan.ts";
import type { LoopState } from "../training/checkpoint.ts";
import { evalRewardsOf } from "../training/rewards.ts";

export interface RunOutcome {
  runHash: string;
  plan: Plan;
  state: LoopState;
  keep: EffectiveSettings["training"]["keep"];
  evaluationAfter: EvaluationFigures | undefined;
  adapter: { digest: string; bytes: number };
  /** Peak memory of the process, in bytes. */
  measuredPeakBytes: number;
  target: { numericsVersion: number; isa: string };
}

export function figuresOf(outcome: RunOutcome): TrainFigures {
  const { plan, state, adapter, evaluationAfter, target } = outcome;
  const best = outcome.keep === "Best" && state.bestEvalLoss !== undefined;
  const evalLoss = best ? state.bestEvalLoss : state.evalLoss;
  return {
    runHash: outcome.runHash,
    steps: state.step,
    bestStep: best ? state.bestStep : state.step,
    loss: state.loss,
    ...(evalLoss !== undefined && { evalLoss }),
    ...(best ? state.bestEvalRewards : evalRewardsOf(state)),
    ...(state.evaluationBefore && { evaluationBefore: state.evaluationBefore }),
    ...(evaluationAfter && { evaluationAfter }),
    trainableParameters: plan.trainableParameters,
    totalParameters: plan.totalParameters,
    trainedTokens: state.trainedTokens,
    tokensPerSecond: state.seconds === 0 ? 0 : state.tokens / state.seconds,
    seconds: state.seconds,
    predictedPeakBytes: plan.predictedPeakBytes,
    measuredPeakBytes: outcome.measuredPeakBytes,
    resumes: state.resumes,
    adapterDigest: adapter.digest,
    adapterBytes: adapter.bytes,
    numericsVersion: target.numericsVersion,
    isa: target.isa,
  };
}
