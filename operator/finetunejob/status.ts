/** Messages and figures of a FineTuneJob's status that come from its children. Pure. */
import { counted } from "../../trainer/contract/counted.ts";
import { taskMetrics } from "../../trainer/contract/taskMetrics.ts";
import type { Results } from "../api/common.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneRun } from "../api/kinds.ts";

/** Copies the run's progress to the job; the run's controller has already limited its rate. */
export function mirrorProgress(status: FineTuneJobStatus, run: FineTuneRun | undefined): FineTuneJobStatus {
  if (run === undefined) return status;
  const { progress: _, ...rest } = status;
  const progress = run.status?.progress;
  return progress === undefined ? rest : { ...rest, progress };
}

/** The final message: how much the model improved. */
export function settledMessage({ metadata, spec }: Adapter): string {
  const { evaluation, evalLoss, evalRewardAccuracy } = spec.results ?? {};
  const done = `Adapter ${metadata.name} is ready`;
  const figures = evaluation === undefined ? [] : evaluationFigures(evaluation);
  if (evaluation !== undefined && figures.length > 0) {
    const { majorityShare = "?", examples } = evaluation;
    const baseline = evaluation.after === undefined ? "" : ` (always the commonest answer: ${majorityShare})`;
    return `${done}: ${figures.join(", ")} on ${counted(examples ?? 0, "held-out example")}${baseline}.`;
  }
  if (evalLoss === undefined) return `${done}.`;
  const rewards = evalRewardAccuracy === undefined ? "" : `, reward accuracy ${evalRewardAccuracy}`;
  return `${done}: validation loss ${evalLoss}${rewards}.`;
}

/** "exact match 0.1 → 0.9" for each metric. */
function evaluationFigures({ before, after, metrics = [] }: NonNullable<Results["evaluation"]>): string[] {
  const all = [{ metric: "ExactMatch" as const, before, after }, ...metrics];
  return all.flatMap(({ metric, before: was = "?", after: is }) =>
    is === undefined ? [] : [`${taskMetrics[metric].words} ${was} → ${is}`],
  );
}
