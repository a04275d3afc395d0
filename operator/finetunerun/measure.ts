/**
 * The events of a run that a status write records, for the metrics: an attempt ended, a training began, a training is
 * complete. Pure. It compares the status before the write with the one after it, so a restart of the operator or a repeated
 * reconcile measures nothing twice.
 */
import type { Results } from "../api/common.ts";
import { findCondition } from "../api/conditions.ts";
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";

export type Measured =
  | { kind: "AttemptEnded"; outcome: NonNullable<Attempt["outcome"]>; reason: string }
  /** Seconds from the creation of the attempt's Job until its pod ran. */
  | { kind: "Started"; queueSeconds: number }
  | { kind: "Trained"; results: Results };

export function measured(before: FineTuneRunStatus, after: FineTuneRunStatus, now: Date): Measured[] {
  return [...ended(before, after), ...started(before, after, now), ...trained(before, after)];
}

function ended(before: FineTuneRunStatus, after: FineTuneRunStatus): Measured[] {
  const known = new Set((before.attempts ?? []).filter(hasEnded).map(({ number }) => number));
  return (after.attempts ?? [])
    .filter((attempt) => hasEnded(attempt) && !known.has(attempt.number))
    .map(({ outcome = "Lost", reason = "" }) => ({ kind: "AttemptEnded", outcome, reason }));
}

const hasEnded = ({ endedAt }: Attempt) => endedAt !== undefined;

/** Once for each attempt: a pod that a queue or a node interrupted starts again without a new attempt. */
function started(before: FineTuneRunStatus, after: FineTuneRunStatus, now: Date): Measured[] {
  const attempt = after.attempts?.at(-1);
  if (after.state !== "Training" || before.state === "Training" || attempt === undefined) return [];
  const startedAt = Date.parse(attempt.startedAt);
  // Progress during this attempt: its pod ran before.
  if (Date.parse(before.progress?.updatedAt ?? "") > startedAt) return [];
  return [{ kind: "Started", queueSeconds: Math.max(0, (now.getTime() - startedAt) / 1000) }];
}

function trained(before: FineTuneRunStatus, { results, conditions }: FineTuneRunStatus): Measured[] {
  const succeeded = (status: Pick<FineTuneRunStatus, "conditions">) =>
    findCondition(status.conditions, "Succeeded")?.status === "True";
  return results !== undefined && succeeded({ conditions }) && !succeeded(before) ? [{ kind: "Trained", results }] : [];
}
