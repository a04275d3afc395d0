/**
 * Decides what a FineTuneRun does next. Pure. The order of the steps is their priority; the first that applies decides.
 * docs/states.md is generated from here. Invariants: an attempt is in status before its Job exists; a finished run never
 * starts again; the operator creates no Job while another Job of the run exists.
 */
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { blocked, type DeclaredStep, ready, reconciling, stalled, waiting } from "../api/outcome.ts";
import { isNews, progressStatus } from "../jobs/progress.ts";
import { withAttempt } from "./attempts.ts";
import { limitReached, type Step } from "./decision.ts";
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
  queued,
  running,
  start,
  stop,
  unwanted,
} from "./steps.ts";
import type { Decision, World } from "./world.ts";

/** Outcomes of a failed attempt: the operator retries, or the run has failed. */
const failed = [
  reconciling("Pending", "* the trainer's or the Job's"),
  stalled("Failed", "* the trainer's or the Job's"),
];

export const road: readonly DeclaredStep<Step>[] = [
  {
    name: "beingDeleted",
    when: "the run is being deleted, and a finalizer holds it: the operator deletes its Job",
    outcomes: [reconciling("Deleting", "Deleting"), blocked("Deleting", "HeldByFinalizer")],
    step: beingDeleted,
  },
  {
    name: "finished",
    when: "the run has succeeded or failed: the operator does nothing more",
    outcomes: [],
    step: finished,
  },
  {
    name: "foreignJob",
    when: "the attempt's Job name belongs to another Job: that of a deleted run, or one of another owner",
    outcomes: [reconciling("Pending", "Pending"), blocked("Pending", "JobNameTaken")],
    step: foreignJob,
  },
  {
    name: "attemptSucceeded",
    when: "the attempt's Job completed: its report is the result; if the report is lost, another attempt reads the store",
    outcomes: [ready("Succeeded", "Completed"), ...failed],
    step: attemptSucceeded,
  },
  {
    name: "attemptFailed",
    when: "the attempt's Job failed: the operator retries, unless that cannot help or too many attempts crashed without a new checkpoint",
    outcomes: failed,
    step: attemptFailed,
  },
  {
    name: "attemptGone",
    when: "the attempt's Job is gone without a result: the operator stopped or replaced it, or somebody deleted it",
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
    when: "no FineTuneJob wants the run now: the operator deletes its Job; the pod writes a checkpoint first",
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
    when: "its pod has not started, and its Job is outdated (placement, limits, image, settings of its pod): the operator deletes and recreates it",
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
    when: "the run was created for a FineTuneJob whose status does not name it yet: the operator starts nothing until it does",
    outcomes: [reconciling("Pending", "Starting")],
    step: expected,
  },
  {
    name: "start",
    when: "an attempt is recorded and has no Job: the operator creates the Job",
    outcomes: [reconciling("Pending", "Pending"), stalled("Failed", "DeadlineExceeded")],
    step: start,
  },
  {
    name: "unwanted",
    when: "no FineTuneJob wants the run now",
    outcomes: [waiting("Stopped", "NotWanted")],
    step: unwanted,
  },
  {
    name: "queued",
    when: "the operator's limit of concurrent runs of a namespace is reached: the run waits for its turn, first come, first served",
    outcomes: [reconciling("Queued", limitReached)],
    step: queued,
  },
  {
    name: "nextAttempt",
    when: "else: the operator records the next attempt",
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
