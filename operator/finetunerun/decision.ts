/** Builds the decisions of a FineTuneRun's steps: a status with its conditions. Pure. */
import { type ConditionUpdate, findCondition, updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { atRest } from "../jobs/progress.ts";
import { type AttemptEnd, endAttempt } from "./attempts.ts";
import { endOf } from "./repair.ts";
import type { Decision, World } from "./world.ts";

/** One check: the decision if it applies. */
export type Step = (world: World) => Decision | undefined;

/** Reason of a run that waits for its turn; every other reason ends the wait. */
export const limitReached = "ConcurrencyLimit";

export function pause(world: World, status: FineTuneRunStatus): Decision {
  const message =
    "No FineTuneJob wants this run now: its FineTuneJob was suspended, edited to other settings, or deleted.";
  return decisionOf(world, "Waiting", "Stopped", "NotWanted", message, status);
}

/** `steps`: the known trained steps. */
export function stoppingWords(podRuns: boolean, steps: string | undefined): string {
  if (!podRuns) return "Stopping; no pod of the run is running, so there is no checkpoint to write.";
  return steps === undefined
    ? "Stopping; the pod received a request to end."
    : "Stopping; the pod writes a checkpoint first.";
}

export function close({ run, now }: World, end: AttemptEnd): FineTuneRunStatus {
  return endAttempt(run.status ?? {}, end, now);
}

/** A decision that only reports the state, without actions. */
export function decisionOf(
  { run, now }: World,
  kind: Verdict,
  state: string,
  reason: string,
  message: string,
  status: FineTuneRunStatus = run.status ?? {},
  succeeded: "True" | "False" | "Unknown" = "Unknown",
): Decision {
  const { generation } = run.metadata;
  const ended = endOf(status) === undefined ? undefined : findCondition(run.status?.conditions, "Succeeded");
  const updates: ConditionUpdate[] = [
    ...verdict(kind, reason, message),
    // An end is final.
    ended ?? { type: "Succeeded", status: succeeded, reason, message },
  ];
  const { results, queuedSince, ...rest } = status;
  return {
    status: {
      ...rest,
      ...(queuedSince !== undefined && reason === limitReached ? { queuedSince } : {}),
      ...(results !== undefined && (ended !== undefined || succeeded === "True") ? { results } : {}),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      ...(status.progress && state !== "Training" ? { progress: atRest(status.progress) } : {}),
      conditions: updateConditions(run.status?.conditions, updates, { generation, now }),
    },
    actions: [],
  };
}
