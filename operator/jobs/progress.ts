/** The trainer's progress as a status shows it. Pure. */
import { isDeepStrictEqual } from "node:util";
import { type Progress, parseProgress } from "../../trainer/contract/progress.ts";
import type { ProgressStatus } from "../api/common.ts";
import { timestamp } from "../runtime/clock.ts";

/** Least time between two writes of moving numbers; transitions are written at once. */
export const progressIntervalMs = 30_000;

/** The last progress line of a log's tail. */
export function lastProgress(log: string): Progress | undefined {
  return log
    .split("\n")
    .reverse()
    .map(parseProgress)
    .find((progress) => progress !== undefined);
}

export function progressStatus(progress: Progress, previous: ProgressStatus | undefined, now: Date): ProgressStatus {
  const { loss, evalLoss, tokensPerSecond, estimatedSecondsLeft } = progress;
  return {
    phase: progress.phase,
    // A line may leave out what has not changed. Optimiser steps are those of the training, whatever else is counted.
    ...member("steps", progress.phase === "Training" ? `${progress.done}/${progress.total}` : previous?.steps),
    ...member("loss", loss === undefined ? previous?.loss : figureText(loss)),
    ...member("evalLoss", evalLoss === undefined ? previous?.evalLoss : figureText(evalLoss)),
    ...member("tokensPerSecond", tokensPerSecond === undefined ? undefined : figureText(tokensPerSecond)),
    ...member(
      "estimatedCompletionTime",
      estimatedSecondsLeft === undefined || estimatedSecondsLeft < 0 || estimatedSecondsLeft > 1e9
        ? undefined
        : timestamp(new Date(now.getTime() + estimatedSecondsLeft * 1000)),
    ),
    updatedAt: timestamp(now),
  };
}

/** What stays true when nothing trains: how far it came, and the losses there. */
export function atRest({ phase: _, tokensPerSecond: __, estimatedCompletionTime: ___, ...rest }: ProgressStatus) {
  return rest;
}

/** Milliseconds until moving numbers may be written again; 0 when they may now. */
export function progressDueInMs(previous: ProgressStatus | undefined, now: Date): number {
  const sinceMs = now.getTime() - Date.parse(previous?.updatedAt ?? "");
  // A time that cannot be, as another clock or hand wrote it, keeps nobody waiting.
  return sinceMs >= 0 && sinceMs < progressIntervalMs ? progressIntervalMs - sinceMs : 0;
}

/** Is this line news: another phase, or, after a while, other numbers? The same line again says nothing new. */
export function isNews(progress: Progress, previous: ProgressStatus | undefined, now: Date): boolean {
  if (progress.phase !== previous?.phase) return true;
  const { updatedAt: _, estimatedCompletionTime: __, ...before } = previous;
  const { updatedAt: ___, estimatedCompletionTime: ____, ...after } = progressStatus(progress, previous, now);
  return progressDueInMs(previous, now) === 0 && !isDeepStrictEqual(before, after);
}

/** Phases before and after the steps are short: their end is looked for often. */
const lookMs = 3_000;

/** When to look at the log again; often too when a line is overdue. */
export function lookAgainInMs(previous: ProgressStatus | undefined, now: Date): number {
  return previous?.phase === "Training" ? Math.max(progressDueInMs(previous, now), lookMs) : lookMs;
}

/** A measured number in four significant digits. */
export function figureText(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function member<K extends string>(key: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: string });
}
