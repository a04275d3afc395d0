/**
 * Looks on schedule whether the data moved. Pure. A check is a Job beside the road of the steps: while it runs, and if nothing
 * moved, the state stays as it is. A change asks for the inputs to be read again, as the annotation `luthier.dev/requested-at`
 * does, and so gives new pins, a new run and a new revision. Scheduled times that passed meanwhile (the operator was down, a run
 * trained) count as one.
 */
import type { CheckFigures } from "../../trainer/contract/report.ts";
import { cut, longest } from "../api/common.ts";
import { type DataCheck, type DataCheckStatus, timesOf } from "../api/dataCheck.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import { reportLost } from "../jobs/lostReports.ts";
import { withFix } from "../jobs/sentence.ts";
import { timestamp } from "../runtime/clock.ts";
import { checkJob, prepareName } from "./children.ts";
import type { Readable } from "./decision.ts";
import { currentPins, trains } from "./pins.ts";
import type { Action, Wanted } from "./world.ts";

/** The newest scheduled time up to `now`. */
export function latestTime(check: DataCheck, now: Date): Date | undefined {
  // The library gives times before its argument.
  return timesOf(check).previousRuns(1, new Date(now.getTime() + 1))[0];
}

/** The scheduled time to check the data for now; undefined if no check is due, or none may start. */
export function dueCheck(
  job: FineTuneJob,
  wanted: Wanted,
  { currentRun, now }: { currentRun: FineTuneRun | undefined; now: Date },
): string | undefined {
  const { dataCheck, suspend, promotion } = wanted.spec;
  if (dataCheck === undefined || suspend === true || promotion?.adapterRef !== undefined) return undefined;
  if (!isPinned(job, wanted) && !hasFailed(job, wanted)) return undefined;
  if (trains(job, currentRun, wanted.specHash)) return undefined;
  const time = latestTime(dataCheck, now);
  return time !== undefined && time.getTime() > lastLook(job) ? timestamp(time) : undefined;
}

const isPinned = (job: FineTuneJob, wanted: Wanted) => currentPins(job, wanted) !== undefined;

/** The inputs could not be read; other data may be readable. */
function hasFailed(job: FineTuneJob, wanted: Wanted): boolean {
  const { prepare } = job.status ?? {};
  return prepare?.outcome === "Failed" && prepare.jobName === prepareName(job, wanted);
}

/** When the data were last looked at, by a check or by prepare. */
function lastLook({ metadata, status }: FineTuneJob): number {
  const times = [status?.dataCheck?.scheduledAt, status?.checkedAt].map((time) => Date.parse(time ?? ""));
  const known = times.filter((time) => !Number.isNaN(time));
  return known.length > 0 ? Math.max(...known) : Date.parse(metadata.creationTimestamp ?? "") || 0;
}

export interface Checked {
  /** The world, with the status of the check as it is to be written. */
  readonly world: Readable;
  readonly actions: readonly Action[];
  /** Milliseconds until the next look at the schedule. */
  readonly requeueAfterMs?: number;
}

/** Starts, awaits or records the check that is due. */
export function checkData(world: Readable): Checked {
  const { job, wanted, now } = world;
  const { dataCheck, ...status } = job.status ?? {};
  const set = (next: DataCheckStatus): Readable => ({
    ...world,
    job: { ...job, status: { ...status, dataCheck: next } },
  });
  if (wanted.spec.dataCheck === undefined) return { world: { ...world, job: { ...job, status } }, actions: [] };
  const requeueAfterMs = untilNext(wanted.spec.dataCheck, now);
  const { check } = world;
  if (check === undefined) return { world, actions: [], requeueAfterMs };
  const { observed } = check;
  const scheduledAt = timeOf(world, check);
  if (observed === undefined) {
    const again = set(withoutWords({ ...dataCheck, scheduledAt, outcome: "ReadAgain", pending: scheduledAt }));
    return { world: again, actions: [], requeueAfterMs };
  }
  const { job: batchJob, state } = observed;
  const actions = batchJob === undefined ? [] : [{ kind: "deleteJob" as const, job: batchJob }];
  const failed = (reason: string, message: string) => ({
    world: set({
      ...dataCheck,
      scheduledAt,
      outcome: "Failed",
      reason: cut(reason, longest.reason),
      message: withFix(message, "The operator checks again at the next scheduled time.", longest.message),
    }),
    actions: state.kind === "Foreign" ? [] : actions,
    requeueAfterMs,
  });
  switch (state.kind) {
    case "Absent":
      return {
        world,
        actions: [{ kind: "createCheck", job: checkJob(job, wanted, world) }],
        requeueAfterMs,
      };
    case "Foreign":
      return failed("NameConflict", "A Job of the check's name exists and does not belong to this FineTuneJob.");
    case "Failed":
      return failed(state.failure.reason, state.failure.message);
    case "Succeeded": {
      const { envelope } = state;
      const figures = envelope?.stage === "Check" && envelope.outcome === "Succeeded" ? envelope.figures : undefined;
      if (figures?.prepareKey !== wanted.prepareKey) return failed(reportLost, "The report of the check was lost.");
      const before = withoutWords({ ...dataCheck, scheduledAt, checkedAt: timestamp(now), outcome: "Unchanged" });
      return { world: set(figures.changed ? changed(before, figures, job) : before), actions, requeueAfterMs };
    }
    default:
      return {
        world,
        actions: [],
        requeueAfterMs: state.kind === "Pending" ? (state.pollAfterMs ?? requeueAfterMs) : requeueAfterMs,
      };
  }
}

/** The scheduled time that a check handles: the newest one before its Job was created. */
function timeOf({ job, wanted }: Readable, { scheduledAt, observed }: NonNullable<Readable["check"]>): string {
  const created = Date.parse(observed?.job?.metadata.creationTimestamp ?? "");
  const { dataCheck } = wanted.spec;
  const time = dataCheck && !Number.isNaN(created) ? latestTime(dataCheck, new Date(created)) : undefined;
  return time !== undefined && time.getTime() > lastLook(job) ? timestamp(time) : scheduledAt;
}

function withoutWords({ reason: _, message: __, ...rest }: DataCheckStatus): DataCheckStatus {
  return rest;
}

function changed(status: DataCheckStatus, { files, bytes, before }: CheckFigures, job: FineTuneJob): DataCheckStatus {
  const { bytes: bytesBefore, ...moved } = before ?? {};
  const examplesBefore = job.status?.inputs?.dataset.examples;
  return {
    ...status,
    outcome: "Changed",
    pending: status.scheduledAt,
    lastChange: {
      foundAt: status.checkedAt ?? status.scheduledAt,
      ...moved,
      files,
      ...(bytesBefore === undefined ? {} : { bytesBefore }),
      bytes,
      ...(examplesBefore === undefined ? {} : { examplesBefore }),
    },
  };
}

/** The status after prepare has read the inputs again. */
export function afterReading(
  check: DataCheckStatus | undefined,
  examples: number,
): Pick<FineTuneJobStatus, "dataCheck"> {
  if (check?.pending === undefined) return {};
  const { pending: _, lastChange, ...rest } = check;
  return { dataCheck: { ...rest, ...(lastChange && { lastChange: { ...lastChange, examples } }) } };
}

/** Timers of the queue hold at most 24 days. */
const longestMs = 3_600_000;

function untilNext(check: DataCheck, now: Date): number {
  const next = timesOf(check).nextRun(now);
  return next === null ? longestMs : Math.min(longestMs, Math.max(1000, next.getTime() - now.getTime()));
}
