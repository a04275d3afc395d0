/** Converts the trainer's progress to the status. Pure. */
import { isDeepStrictEqual } from "node:util";
import { type Curve, parseCurves } from "../../trainer/contract/curves.ts";
import { type Progress, parseProgress } from "../../trainer/contract/progress.ts";
import type { ProgressStatus } from "../api/common.ts";
import { timestamp } from "../runtime/clock.ts";

/** Minimum time between two writes of changing numbers; the operator writes transitions at once. */
const progressIntervalMs = 30_000;

/** The last progress line of a log's tail. */
export const lastProgress = (log: string): Progress | undefined => lastRead(log, parseProgress);

/** The curves of a run in a log's tail. */
export const lastCurves = (log: string, runHash: string): Curve[] | undefined =>
  lastRead(log, (line) => parseCurves(line, runHash));

/** The value of the last line from which `read` reads one. */
function lastRead<T>(log: string, read: (line: string) => T | undefined): T | undefined {
  return log
    .split("\n")
    .reverse()
    .map(read)
    .find((value) => value !== undefined);
}

export function progressStatus(progress: Progress, previous: ProgressStatus | undefined, now: Date): ProgressStatus {
  const { loss, evalLoss, rewardAccuracy, evalRewardAccuracy, tokensPerSecond, estimatedSecondsLeft } = progress;
  const figure = (value: number | undefined, before: string | undefined) =>
    value === undefined ? before : figureText(value);
  return {
    phase: progress.phase,
    // A line may omit unchanged values. Only the training phase counts optimiser steps.
    ...member("steps", progress.phase === "Training" ? `${progress.done}/${progress.total}` : previous?.steps),
    ...member("loss", figure(loss, previous?.loss)),
    ...member("evalLoss", figure(evalLoss, previous?.evalLoss)),
    ...member("rewardAccuracy", figure(rewardAccuracy, previous?.rewardAccuracy)),
    ...member("evalRewardAccuracy", figure(evalRewardAccuracy, previous?.evalRewardAccuracy)),
    ...member("tokensPerSecond", figure(tokensPerSecond, undefined)),
    ...member(
      "estimatedCompletionTime",
      estimatedSecondsLeft === undefined || estimatedSecondsLeft < 0 || estimatedSecondsLeft > 1e9
        ? undefined
        : timestamp(new Date(now.getTime() + estimatedSecondsLeft * 1000)),
    ),
    updatedAt: timestamp(now),
  };
}

/** The progress that stays valid after the training stops: steps and losses. */
export function atRest({ phase: _, tokensPerSecond: __, estimatedCompletionTime: ___, ...rest }: ProgressStatus) {
  return rest;
}

/** Milliseconds until changing numbers may be written again; 0 when they may be now. */
export function progressDueInMs(previous: ProgressStatus | undefined, now: Date): number {
  const sinceMs = now.getTime() - Date.parse(previous?.updatedAt ?? "");
  // An impossible time, from another clock or an edit, causes no delay.
  return sinceMs >= 0 && sinceMs < progressIntervalMs ? progressIntervalMs - sinceMs : 0;
}

/** Does this line justify a write: a new phase, or new numbers after the interval? */
export function isNews(progress: Progress, previous: ProgressStatus | undefined, now: Date): boolean {
  if (progress.phase !== previous?.phase) return true;
  const { updatedAt: _, estimatedCompletionTime: __, ...before } = previous;
  const { updatedAt: ___, estimatedCompletionTime: ____, ...after } = progressStatus(progress, previous, now);
  return progressDueInMs(previous, now) === 0 && !isDeepStrictEqual(before, after);
}

/** Phases before and after the steps are short, so the operator polls often. */
const lookMs = 3_000;

/** When to read the log again; soon if a line is overdue. */
export function pollAfterMs(previous: ProgressStatus | undefined, now: Date): number {
  return previous?.phase === "Training" ? Math.max(progressDueInMs(previous, now), lookMs) : lookMs;
}

/** A measured number in four significant digits. */
export function figureText(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function member<K extends string>(key: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: string });
}
