/**
 * The attempts of a run. Pure. An attempt is recorded in status before its Job is created, so that no crash of the
 * operator can start one that nobody knows of; a Job that is gone is an attempt that has ended, never one to repeat.
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

/** Closes the newest attempt and adds its time to the run's: as a Job's own deadline, with the waiting for a pod in it. */
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

/** After a failed attempt: how many crashes count, and whether to try again. */
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
 * What a Job did that is gone, or whose words are, may lie in the store whole: the next attempt looks there before anything
 * else, so one is made whatever the limit is. It says what it found; another that is lost in its place says too little.
 */
function endedUnseen({ attempts = [] }: FineTuneRunStatus): boolean {
  return attempts.at(-1)?.outcome === "Lost" && attempts.at(-2)?.outcome !== "Lost";
}

/** Did the newest attempt get further than those before? */
function checkpointMoved({ attempts = [] }: FineTuneRunStatus): boolean {
  const before = Math.max(0, ...attempts.slice(0, -1).map(({ checkpointStep }) => checkpointStep ?? 0));
  return (attempts.at(-1)?.checkpointStep ?? 0) > before;
}

/** Seconds of attempts that are left; undefined when there is no limit. */
export function secondsLeft(status: FineTuneRunStatus, activeDeadlineSeconds: number | undefined): number | undefined {
  return activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds - (status.runningSeconds ?? 0);
}
