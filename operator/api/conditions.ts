/**
 * Conditions by Kubernetes' conventions. Pure. `lastTransitionTime` moves only when a condition's status does.
 * Ready, Reconciling and Stalled follow kstatus: Reconciling and Stalled are present only while they are True.
 */
import { timestamp } from "../runtime/clock.ts";
import { type Condition, cut, longest } from "./common.ts";

export interface ConditionUpdate {
  type: string;
  status: "True" | "False" | "Unknown";
  /** CamelCase. */
  reason: string;
  message: string;
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The conditions after an update: exactly those in `updates`; conditions of other writers are dropped. */
export function updateConditions(
  previous: readonly Condition[] | undefined,
  updates: readonly ConditionUpdate[],
  options: { generation: number | undefined; now: Date },
): Condition[] {
  return updates
    .map((update) => setCondition(findCondition(previous, update.type), update, options))
    .sort((a, b) => (a.type < b.type ? -1 : 1));
}

function setCondition(
  previous: Condition | undefined,
  { type, status, reason, message }: ConditionUpdate,
  { generation, now }: { generation: number | undefined; now: Date },
): Condition {
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : timestamp(now),
    reason: cut(reason, longest.reason),
    message: cut(message, longest.longMessage),
  };
}

/** The verdict for tools: ready, in progress, or stalled until somebody acts. */
export type Verdict = "Ready" | "Reconciling" | "Stalled" | "Waiting";

/** Ready, and Reconciling or Stalled beside it, with one reason and message. Waiting: a person must act, nothing is wrong. */
export function verdict(kind: Verdict, reason: string, message: string): ConditionUpdate[] {
  const ready: ConditionUpdate = { type: "Ready", status: kind === "Ready" ? "True" : "False", reason, message };
  return kind === "Ready" || kind === "Waiting" ? [ready] : [ready, { type: kind, status: "True", reason, message }];
}
