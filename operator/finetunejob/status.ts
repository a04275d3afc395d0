/** Messages and figures of a FineTuneJob's status that come from its children. Pure. */
import { counted } from "../../trainer/contract/counted.ts";
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
  if (evaluation?.after !== undefined) {
    const { before = "?", after, majorityShare = "?", examples } = evaluation;
    return `${done}: exact match ${before} → ${after} on ${counted(examples ?? 0, "held-out example")} (always the commonest answer: ${majorityShare}).`;
  }
  if (evalLoss === undefined) return `${done}.`;
  const rewards = evalRewardAccuracy === undefined ? "" : `, reward accuracy ${evalRewardAccuracy}`;
  return `${done}: validation loss ${evalLoss}${rewards}.`;
}
