/** How the steps of a FineTuneRun's decision speak: a status with its conditions. Pure. */
import { type ConditionUpdate, findCondition, updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { atRest } from "../jobs/progress.ts";
import { type AttemptEnd, endAttempt } from "./attempts.ts";
import { endOf } from "./repair.ts";
import type { Decision, World } from "./world.ts";

/** One check: the decision if it applies. */
export type Step = (world: World) => Decision | undefined;

export function pause(world: World, status: FineTuneRunStatus): Decision {
  const message = "No FineTuneJob wants it now: suspended, edited to other settings, or deleted.";
  return say(world, "Waiting", "Stopped", "NotWanted", message, status);
}

/** `steps`: those that it is known to have trained. */
export function stoppingWords(podRuns: boolean, steps: string | undefined): string {
  if (!podRuns) return "Stopping; no pod of it runs, so there is nothing to write.";
  return steps === undefined
    ? "Stopping; its pod is asked to end."
    : "Stopping; what was trained is written to a checkpoint first.";
}

export function close({ run, now }: World, end: AttemptEnd): FineTuneRunStatus {
  return endAttempt(run.status ?? {}, end, now);
}

/** A decision that does nothing but say how things are. */
export function say(
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
    // An end is for good.
    ended ?? { type: "Succeeded", status: succeeded, reason, message },
  ];
  const { results, ...rest } = status;
  return {
    status: {
      ...rest,
      ...(results !== undefined && (ended !== undefined || succeeded === "True") ? { results } : {}),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      ...(status.progress && state !== "Training" ? { progress: atRest(status.progress) } : {}),
      conditions: updateConditions(run.status?.conditions, updates, { generation, now }),
    },
    actions: [],
  };
}
