/** Builds the decisions of the steps: a status with its conditions, and actions. Pure. */
import { type ConditionUpdate, updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import { atRest } from "../jobs/progress.ts";
import { facts, withoutStalePlan } from "./facts.ts";
import type { Action, Decision, Wanted, World } from "./world.ts";

/** A world whose spec could be read. */
export type Readable = World & { wanted: Wanted };

/** One check: the decision if it applies. */
export type Step = (world: Readable) => Decision | undefined;

export interface Extras {
  status?: FineTuneJobStatus;
  actions?: readonly Action[];
  /** In addition to the facts about the settings (facts.ts). */
  conditions?: readonly ConditionUpdate[];
}

export function decisionOf(
  world: World,
  kind: Verdict,
  state: string,
  reason: string,
  message: string,
  extras: Extras = {},
): Decision {
  const { job, now } = world;
  const { generation } = job.metadata;
  const status = withoutStalePlan(world, extras.status ?? job.status ?? {});
  const verdicts = [...(extras.conditions ?? []), ...verdict(kind, reason, message)];
  const known = facts(world, status).filter(({ type }) => !verdicts.some((one) => one.type === type));
  return {
    status: {
      ...status,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      ...(status.progress && state !== "Training" ? { progress: atRest(status.progress) } : {}),
      conditions: updateConditions(job.status?.conditions, [...known, ...verdicts], { generation, now }),
    },
    actions: extras.actions ?? [],
  };
}

/** Another object has the name that this job's object needs. */
export function nameConflict(world: World, what: string): Decision {
  const message = `${what} exists and does not belong to this job. The operator never takes it over: delete it, or rename this FineTuneJob.`;
  // The operator does not watch foreign objects, so it polls.
  return { ...decisionOf(world, "Stalled", "Failed", "NameConflict", message), requeueAfterMs: 60_000 };
}
