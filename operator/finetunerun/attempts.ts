/**
 * The attempts of a run. Pure. The operator records an attempt in status before it creates the Job, so that its own crash
 * cannot leave an unknown Job. A vanished Job is an ended attempt and is never created again.
 */
import { cut, longest } from "../api/common.ts";
import type { Attempt, FineTuneRunStatus } from "../api/fineTuneRun.ts";
import type { Failure } from "../jobs/outcome.ts";
import { timestamp } from "../runtime/clock.ts";

const keptAttempts = 32;

export function currentAttempt(status: FineTuneRunStatus | undefined): Attempt | undefined {
  const last = status?.attempts?.at(-1);
  return last?.endedAt === undefined ? last : undefined;
}

export function planAttempt(
  status: FineTuneRunStatus,
  { runName, trainerImage, now }: { runName: string; trainerImage: string; now: Date },
): FineTuneRunStatus {
  const number = (status.attempts?.at(-1)?.number ?? 0) + 1;
  const attempt: Attempt = { number, jobName: `${runName}-${number}`, trainerImage, startedAt: timestamp(now) };
  return { ...status, attempts: [...(status.attempts ?? []), attempt].slice(-keptAttempts) };
}

/** Changes the newest attempt. */
export function withAttempt(status: FineTuneRunStatus, change: Partial<Attempt>): FineTuneRunStatus {
  const attempts = status.attempts ?? [];
  const last = attempts.at(-1);
  return last === undefined ? status : { ...status, attempts: [...attempts.slice(0, -1), { ...last, ...change }] };
}

export interface AttemptEnd {
  outcome: NonNullable<Attempt["outcome"]>;
  reason: string;
  message: string;
  exitCode?: number | undefined;
  endedAt?: string | undefined;
}

/** Closes the newest attempt and adds its duration to the run's. As in a Job's own deadline, waiting for a pod counts. */
export function endAttempt(status: FineTuneRunStatus, end: AttemptEnd, now: Date): FineTuneRunStatus {
  const started = status.attempts?.at(-1)?.startedAt;
  const endedAt = end.endedAt ?? timestamp(now);
  const seconds = started === undefined ? 0 : Math.max(0, (Date.parse(endedAt) - Date.parse(started)) / 1000);
  const ended = withAttempt(status, {
    outcome: end.outcome,
    reason: cut(end.reason, longest.reason),
    message: cut(end.message, longest.message),
    endedAt,
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
  });
  return { ...ended, runningSeconds: (status.runningSeconds ?? 0) + Math.round(seconds) };
}

/** After a failed attempt: the number of crashes, and whether to retry. */
export function afterFailure(
  status: FineTuneRunStatus,
  failure: Pick<Failure, "retryable" | "exhausted">,
  backoffLimit: number,
): { retry: boolean; crashes: number } {
  if (!failure.retryable) return { retry: false, crashes: status.crashes ?? 0 };
  if (checkpointMoved(status)) return { retry: true, crashes: 0 };
  const crashes = (status.crashes ?? 0) + (failure.exhausted ? backoffLimit + 1 : 1);
  return { retry: crashes <= backoffLimit || endedUnseen(status), crashes };
}

/**
 * A vanished Job, or one whose report was lost, may have finished. The next attempt checks the store first, so one attempt
 * is allowed whatever the limit is. If that attempt is lost too, no further one is allowed for this reason.
 */
function endedUnseen({ attempts = [] }: FineTuneRunStatus): boolean {
  return attempts.at(-1)?.outcome === "Lost" && attempts.at(-2)?.outcome !== "Lost";
}

/** Did the newest attempt write a later checkpoint than all earlier attempts? */
function checkpointMoved({ attempts = [] }: FineTuneRunStatus): boolean {
  const before = Math.max(0, ...attempts.slice(0, -1).map(({ checkpointStep }) => checkpointStep ?? 0));
  return (attempts.at(-1)?.checkpointStep ?? 0) > before;
}

/** Remaining seconds for attempts; undefined when there is no limit. */
export function secondsLeft(status: FineTuneRunStatus, activeDeadlineSeconds: number | undefined): number | undefined {
  return activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds - (status.runningSeconds ?? 0);
}
