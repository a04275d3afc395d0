/**
 * What a FineTuneRun should do, given what is. Pure; the order of the steps is their priority, the first that applies
 * decides; docs/states.md is printed from here. Invariants: an attempt is in status before its Job exists; a finished run
 * never starts again; nothing is created while a Job of the run is left.
 */
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { blocked, type DeclaredStep, ready, reconciling, stalled, waiting } from "../api/outcome.ts";
import { isNews, progressStatus } from "../jobs/progress.ts";
import { withAttempt } from "./attempts.ts";
import type { Step } from "./say.ts";
import {
  attemptFailed,
  attemptGone,
  attemptSucceeded,
  beingDeleted,
  deleting,
  expected,
  finished,
  foreignJob,
  nextAttempt,
  outdated,
  pending,
  running,
  start,
  stop,
  unwanted,
} from "./steps.ts";
import type { Decision, World } from "./world.ts";

/** After an attempt that failed: another follows, or the run has failed. */
const failed = [
  reconciling("Pending", "* the trainer's or the Job's"),
  stalled("Failed", "* the trainer's or the Job's"),
];

export const road: readonly DeclaredStep<Step>[] = [
  {
    name: "beingDeleted",
    when: "it is being deleted, and something holds it: its Job is deleted",
    outcomes: [reconciling("Deleting", "Deleting"), blocked("Deleting", "HeldByFinalizer")],
    step: beingDeleted,
  },
  {
    name: "finished",
    when: "it succeeded or failed before: nothing more is done",
    outcomes: [],
    step: finished,
  },
  {
    name: "foreignJob",
    when: "the attempt's Job name belongs to something else: a deleted run's Job on its way out, or another's",
    outcomes: [reconciling("Pending", "Pending"), blocked("Pending", "JobNameTaken")],
    step: foreignJob,
  },
  {
    name: "attemptSucceeded",
    when: "the attempt's Job completed: its report is the result; a lost report is asked for by another attempt",
    outcomes: [ready("Succeeded", "Completed"), ...failed],
    step: attemptSucceeded,
  },
  {
    name: "attemptFailed",
    when: "the attempt's Job failed: another follows, unless that cannot help or too many crashed without a new checkpoint",
    outcomes: failed,
    step: attemptFailed,
  },
  {
    name: "attemptGone",
    when: "the attempt's Job is gone without a result: stopped or replaced by the operator, or deleted by somebody",
    outcomes: [
      waiting("Stopped", "NotWanted"),
      reconciling("Pending", "Pending"),
      reconciling("Pending", "JobDeleted"),
      stalled("Failed", "JobDeleted"),
    ],
    step: attemptGone,
  },
  {
    name: "stop",
    when: "no FineTuneJob wants it now: its Job is deleted, after a checkpoint",
    outcomes: [reconciling("Stopping", "Stopping")],
    step: stop,
  },
  {
    name: "deleting",
    when: "its Job is being deleted",
    outcomes: [reconciling("Stopping", "Stopping")],
    step: deleting,
  },
  {
    name: "running",
    when: "its pod runs",
    outcomes: [reconciling("Training", "Training")],
    step: running,
  },
  {
    name: "outdated",
    when: "its pod has not started, and its Job would be another now (placement, limits, image): it is deleted and made again",
    outcomes: [reconciling("Pending", "Pending")],
    step: outdated,
  },
  {
    name: "pending",
    when: "its pod cannot run yet",
    outcomes: [
      reconciling("Pending", "Pending"),
      reconciling("Pending", "* the pod's"),
      reconciling("Queued", "Queued"),
      blocked("Queued", "* the pod's"),
    ],
    step: pending,
  },
  {
    name: "expected",
    when: "it was made for a FineTuneJob whose status does not name it: until it does, nothing is started",
    outcomes: [reconciling("Pending", "Starting")],
    step: expected,
  },
  {
    name: "start",
    when: "an attempt is recorded and has no Job: the Job is made",
    outcomes: [reconciling("Pending", "Pending"), stalled("Failed", "DeadlineExceeded")],
    step: start,
  },
  {
    name: "unwanted",
    when: "no FineTuneJob wants it now",
    outcomes: [waiting("Stopped", "NotWanted")],
    step: unwanted,
  },
  {
    name: "nextAttempt",
    when: "else: the next attempt is recorded",
    outcomes: [reconciling("Pending", "Pending")],
    step: nextAttempt,
  },
];

export function decide(world: World): Decision {
  return decideBy(world).decision;
}

/** The decision, and the step that made it. */
export function decideBy(world: World): { by: DeclaredStep<Step>; decision: Decision } {
  const observed = { ...world, run: { ...world.run, status: withProgress(world) } };
  for (const by of road) {
    const decision = by.step(observed);
    if (decision) return { by, decision };
  }
  throw new Error("no step decided, although the last one always should");
}

function withProgress({ run, attempt, progress, now }: World): FineTuneRunStatus {
  const status = run.status ?? {};
  if (progress === undefined) return status;
  if (attempt?.state.kind === "Running" && !isNews(progress, status.progress, now)) return status;
  const step = progress.lastCheckpoint;
  const next = { ...status, progress: progressStatus(progress, status.progress, now) };
  if (step === undefined) return next;
  return {
    ...withAttempt(next, { checkpointStep: step }),
    lastCheckpointStep: Math.max(step, status.lastCheckpointStep ?? 0),
  };
}
