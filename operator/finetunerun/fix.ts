/** The fix for a failed run, and the checkpoint that the next attempt resumes from. Pure. Each fault has one fix. */
import { exitCode } from "../../trainer/contract/exitCodes.ts";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { annotations } from "../api/names.ts";
import { deadlineExceeded, type Failure, hostMemoryExceeded } from "../jobs/outcome.ts";
import type { World } from "./world.ts";

/** " from the checkpoint of step 20"; empty where none is known. */
export function fromCheckpoint({ lastCheckpointStep = 0 }: FineTuneRunStatus): string {
  return lastCheckpointStep > 0 ? ` from the checkpoint of step ${lastCheckpointStep}` : "";
}

export function fix({ run }: World, { reason, exitCode: code }: Pick<Failure, "reason" | "exitCode">): string {
  const again = `delete FineTuneRun ${run.metadata.name}; the operator then retries it${fromCheckpoint(run.status ?? {})}.`;
  if (reason === deadlineExceeded.reason) return `Raise spec.activeDeadlineSeconds, and ${again}`;
  if (reason === hostMemoryExceeded) return `Raise placement.resources.limits.memory, and ${again}`;
  if (reason.startsWith("Object")) {
    return `To stage the inputs again, annotate: ${annotations.requestedAt}=$(date +%s); then ${again}`;
  }
  switch (code) {
    case exitCode.diverged:
      return "The same settings diverge again: change them; the operator trains them as another run.";
    case exitCode.invalid:
      return `If the settings are wrong, change them; the operator then starts another run. If the fault is elsewhere, fix it and ${again}`;
    default:
      return `To retry, ${again}`;
  }
}
