/** The steps of a FineTuneRun: each handles one state of its newest attempt. Pure; decide.ts has their order. */

import { applied } from "../../trainer/contract/setting.ts";
import { longest } from "../api/common.ts";
import { deletingReason, deletingWords, heldWords } from "../api/deletion.ts";
import type { FineTuneRunStatus } from "../api/fineTuneRun.ts";
import { jobLifeTable } from "../api/jobLife.ts";
import { reportLost } from "../jobs/lostReports.ts";
import { deadlineExceeded, type Failure } from "../jobs/outcome.ts";
import { pollAfterMs } from "../jobs/progress.ts";
import { isOutdated } from "../jobs/render.ts";
import { sentence, withFix } from "../jobs/sentence.ts";
import { needsAttention } from "../jobs/waiting.ts";
import { timestamp } from "../runtime/clock.ts";
import { afterFailure, planAttempt, secondsLeft, withAttempt } from "./attempts.ts";
import { close, decisionOf, limitReached, pause, type Step, stoppingWords } from "./decision.ts";
import { fix, fromCheckpoint } from "./fix.ts";
import { trainJob } from "./job.ts";
import { endOf } from "./repair.ts";
import { finalProgress, resultsOf, trainFiguresOf } from "./results.ts";
import { turnWords } from "./turns.ts";
import type { CurrentAttempt, Decision, World } from "./world.ts";

/** Polling interval while an object of another owner blocks the run. */
const soonMs = 3_000;
const stopReason = "StopRequested";
const replaceReason = "Replaced";

export const finished: Step = ({ run }) => {
  const { status = {}, metadata } = run;
  if (endOf(status) === undefined) return undefined;
  // A changed execution no longer matters, but observedGeneration still shows that the operator saw it.
  const observedGeneration = metadata.generation;
  return { status: observedGeneration === undefined ? status : { ...status, observedGeneration }, actions: [] };
};

/** The run is being deleted, and a finalizer holds it: stop its Job, as if the run were gone. */
export const beingDeleted: Step = (world) => {
  const { run, attempt } = world;
  if (run.metadata.deletionTimestamp === undefined) return undefined;
  const job = attempt?.state.kind === "Foreign" || attempt?.state.kind === "Deleting" ? undefined : attempt?.job;
  return {
    ...decisionOf(world, "Reconciling", "Deleting", deletingReason(run), deletingWords(run)),
    actions: job === undefined ? [] : [{ kind: "deleteJob", job }],
  };
};

/** A Job of another owner has the attempt's name: the operator never takes it over. */
export const foreignJob: Step = (world) => {
  const { run, attempt } = world;
  if (attempt?.state.kind !== "Foreign") return undefined;
  const { jobName } = attempt.record;
  const owners = attempt.job?.metadata.ownerReferences ?? [];
  const left = owners.some(({ kind, name }) => kind === run.kind && name === run.metadata.name);
  const waits = `Waiting until Job ${jobName} of a deleted FineTuneRun of this name is deleted.`;
  const decision = left
    ? decisionOf(world, "Reconciling", "Pending", "Pending", (attempt.job && heldWords(attempt.job)) ?? waits)
    : decisionOf(
        world,
        "Reconciling",
        "Pending",
        "JobNameTaken",
        `Job ${jobName} exists and does not belong to this run. The operator never takes it over: delete it (kubectl delete job ${jobName}); the operator then starts the training.`,
      );
  // The operator does not watch objects of other owners, so it polls.
  return { ...decision, requeueAfterMs: soonMs };
};

export const attemptSucceeded: Step = (world) => {
  const { state } = world.attempt ?? {};
  if (state?.kind !== "Succeeded") return undefined;
  const figures = trainFiguresOf(state.envelope, world.run.spec.runHash);
  if (figures === undefined) return lost(world, state.endedAt);
  const message = state.envelope?.message || "The training has finished.";
  const ended = close(world, {
    outcome: "Succeeded",
    reason: "Completed",
    message,
    exitCode: 0,
    endedAt: state.endedAt,
  });
  const results = resultsOf(figures, world.curves);
  const status = { ...ended, results, progress: finalProgress(results, world.now) };
  return decisionOf(world, "Ready", "Succeeded", "Completed", message, status, "True");
};

/** The Job completed, but its report is lost. The next attempt finds the finished run in the store and reports again. */
function lost(world: World, endedAt: string | undefined): Decision {
  const message = `The Job completed and left no report that this operator can read (trainer image ${imageOf(world)}).`;
  const failure = { reason: reportLost, message, exitCode: 0, retryable: true, exhausted: false };
  return retryOrFail(world, failure, "Lost", endedAt);
}

/** The image of the attempt; an attempt of a release that did not record it counts as the present one. */
const imageOf = ({ attempt, trainerImage }: World) => attempt?.record.trainerImage ?? trainerImage;

export const attemptFailed: Step = (world) => {
  const { state, record, job } = world.attempt ?? {};
  if (state?.kind !== "Failed") return undefined;
  // A Job that the operator deletes before it started may fail while its pod ends: that is no crash.
  if (record?.reason === replaceReason && job?.metadata.deletionTimestamp !== undefined)
    return decisionOf(world, "Reconciling", "Pending", "Pending", "Waiting until the deleted Job is gone.");
  return retryOrFail(world, state.failure, "Failed", state.endedAt);
};

const next = (status: FineTuneRunStatus) => ({
  Failed: `Retrying${fromCheckpoint(status)}.`,
  Lost: "The next attempt checks the store: it reports a finished training, or resumes from a checkpoint.",
});

function retryOrFail(
  world: World,
  failure: Failure,
  outcome: "Failed" | "Lost",
  endedAt: string | undefined,
): Decision {
  const { reason, message, exitCode } = failure;
  const ended = close(world, { outcome, reason, message, exitCode, endedAt });
  const backoffLimit = applied(jobLifeTable, world.run.spec.execution).backoffLimit;
  const { retry, crashes } = afterFailure(ended, failure, backoffLimit);
  const status = { ...ended, crashes };
  if (retry)
    return decisionOf(world, "Reconciling", "Pending", reason, `${sentence(message)} ${next(status)[outcome]}`, status);
  const words = withFix(message, fix(world, failure), longest.longMessage);
  return decisionOf(world, "Stalled", "Failed", reason, words, status, "False");
}

/** The Job is gone without a result: the operator or somebody else deleted it. */
export const attemptGone: Step = (world) => {
  const { attempt } = world;
  if (attempt === undefined || attempt.state.kind !== "Absent") return undefined;
  const { jobName, jobUID, reason } = attempt.record;
  if (reason === replaceReason && !isUnwanted(world)) return again(world);
  if (reason === stopReason || isUnwanted(world)) {
    const message = jobUID === undefined ? "Not started." : "Stopped on request.";
    return pause(world, close(world, { outcome: "Stopped", reason: stopReason, message }));
  }
  if (jobUID === undefined) return undefined;
  // The Job may be deleted repeatedly: without a new checkpoint each deletion counts as a crash.
  const failure = { reason: "JobDeleted", message: `Job ${jobName} was deleted.`, exitCode: undefined };
  return retryOrFail(world, { ...failure, retryable: true, exhausted: false }, "Lost", lastSeen(world));
};

/** The outdated Job had not started: that is no crash, and the next attempt follows at once. */
function again(world: World): Decision {
  const message = "Its Job had not started; the operator recreated it with other settings.";
  const status = close(world, { outcome: "Stopped", reason: replaceReason, message });
  return decisionOf(world, "Reconciling", "Pending", "Pending", startingWords, status);
}

/** The last sign of life of the attempt; its real end is unknown. */
function lastSeen({ run, attempt }: World): string | undefined {
  const { updatedAt = "" } = run.status?.progress ?? {};
  return Date.parse(updatedAt) > Date.parse(attempt?.record.startedAt ?? "") ? updatedAt : undefined;
}

/** No FineTuneJob wants the run: delete the Job; its pod writes a checkpoint first. */
export const stop: Step = (world) => {
  const { attempt, run } = world;
  // A Job whose pod has succeeded completes, and its report is the result.
  if (!isUnwanted(world) || attempt?.job === undefined || attempt.state.kind === "Completing") return undefined;
  const status = withAttempt(run.status ?? {}, { reason: stopReason, jobUID: attempt.job.metadata.uid });
  const deleting = attempt.state.kind === "Deleting";
  const words = waitingWords(world) ?? stoppingWords(podRuns(attempt.state), run.status?.progress?.steps);
  return {
    ...decisionOf(world, "Reconciling", "Stopping", "Stopping", words, status),
    actions: deleting ? [] : [{ kind: "deleteJob", job: attempt.job }],
  };
};

export const deleting: Step = (world) => {
  if (world.attempt?.state.kind !== "Deleting") return undefined;
  const words = waitingWords(world) ?? "Waiting until the deleted Job is gone.";
  return decisionOf(world, "Reconciling", "Stopping", "Stopping", words);
};

/** Is there a pod that may still write a checkpoint? */
function podRuns(state: CurrentAttempt["state"]): boolean {
  return (
    state.kind === "Running" || ((state.kind === "Pending" || state.kind === "Deleting") && state.podRuns === true)
  );
}

/** The cause that keeps a Job from ending. */
const waitingWords = ({ attempt }: World) =>
  attempt?.state.kind === "Deleting" ? attempt.state.waiting?.message : undefined;

export const running: Step = (world) => {
  const { attempt, run, now } = world;
  if (attempt?.state.kind === "Completing") {
    return decisionOf(
      world,
      "Reconciling",
      "Training",
      "Training",
      "The training has ended; waiting for its Job to complete.",
    );
  }
  if (attempt?.state.kind !== "Running") return undefined;
  // A pod that started just before its Job was to be replaced keeps running.
  const kept = attempt.record.reason === replaceReason ? { reason: undefined } : {};
  const status = withAttempt(run.status ?? {}, { jobUID: attempt.job?.metadata.uid, ...kept });
  const { progress } = status;
  const message = progress?.phase ? phaseText(progress.phase) : "The training pod is running.";
  return {
    ...decisionOf(world, "Reconciling", "Training", "Training", message, status),
    requeueAfterMs: pollAfterMs(progress, now),
  };
};

/** Placement, limits, image or pod settings changed since the Job was created, and no pod of it runs: recreate it. */
export const outdated: Step = (world) => {
  const { attempt, run } = world;
  const { job, state, record } = attempt ?? {};
  if (job === undefined || record === undefined || state?.kind !== "Pending" || state.podRuns === true)
    return undefined;
  const wanted = trainJob(run, { ...attemptOf(world, record.jobName), trainerImage: world.trainerImage });
  if (!isOutdated(job, wanted)) return undefined;
  const status = withAttempt(run.status ?? {}, { reason: replaceReason, jobUID: job.metadata.uid });
  const message = `Job ${record.jobName} has not started; the operator recreates it with the present settings.`;
  return {
    ...decisionOf(world, "Reconciling", "Pending", "Pending", message, status),
    // The status must name the reason before the Job is deleted.
    actions: record.reason === replaceReason ? [{ kind: "deleteUnstarted", job }] : [],
  };
};

export const pending: Step = (world) => {
  const { attempt, run } = world;
  if (attempt?.state.kind !== "Pending") return undefined;
  const { reason, message, pollAfterMs } = attempt.state;
  const state = reason === "Queued" || needsAttention(reason) ? "Queued" : "Pending";
  const status = attempt.job ? withAttempt(run.status ?? {}, { jobUID: attempt.job.metadata.uid }) : run.status;
  return { ...decisionOf(world, "Reconciling", state, reason, message, status), requeueAfterMs: pollAfterMs };
};

/** The attempt is recorded and has no Job yet. */
export const start: Step = (world) => {
  const { attempt, run } = world;
  if (attempt === undefined) return undefined;
  const { jobName } = attempt.record;
  const attempted = attemptOf(world, jobName);
  const left = attempted.activeDeadlineSeconds;
  if (left !== undefined && left <= 0) {
    return retryOrFail(world, { ...deadlineExceeded, exitCode: undefined, exhausted: false }, "Failed", undefined);
  }
  return {
    ...decisionOf(world, "Reconciling", "Pending", "Pending", `Creating Job ${jobName}.`),
    actions: [{ kind: "createJob", job: trainJob(run, attempted) }],
  };
};

const attemptOf = (world: World, jobName: string) => ({
  jobName,
  trainerImage: imageOf(world),
  pods: world.pods,
  activeDeadlineSeconds: secondsLeft(world.run.status ?? {}, world.run.spec.execution.activeDeadlineSeconds),
});
/** The run belongs to a FineTuneJob whose status does not name it now: start nothing until it does. */
export const expected: Step = (world) => {
  const { attempt, run, wantedBy, expectedBy } = world;
  if (wantedBy.length > 0 || expectedBy.length === 0) return undefined;
  // A stopped run stays stopped until a FineTuneJob wants it again.
  if (attempt === undefined && run.status?.state === "Stopped") return undefined;
  const message = `Waiting until FineTuneJob ${expectedBy.join(", ")} adopts this run.`;
  return decisionOf(world, "Reconciling", "Pending", "Starting", message);
};

export const unwanted: Step = (world) =>
  world.wantedBy.length === 0 ? pause(world, world.run.status ?? {}) : undefined;

const isUnwanted = ({ wantedBy, expectedBy }: World) => wantedBy.length + expectedBy.length === 0;

/** The namespace's limit of concurrent runs is reached. The run waits for its turn; an end of another run wakes it. */
export const queued: Step = (world) => {
  const { run, turn, now } = world;
  if (turn === undefined) return undefined;
  const status = { ...run.status, queuedSince: run.status?.queuedSince ?? timestamp(now) };
  return decisionOf(world, "Reconciling", "Queued", limitReached, turnWords(turn), status);
};

export const nextAttempt: Step = (world) => {
  const { run, trainerImage, now } = world;
  const status = planAttempt(run.status ?? {}, { runName: run.metadata.name, trainerImage, now });
  return decisionOf(world, "Reconciling", "Pending", "Pending", startingWords, status);
};

const startingWords = "Starting the training.";

const phaseTexts: Readonly<Record<string, string>> = {
  Loading: "Loading the base model and the data.",
  EvaluatingBefore: "Evaluating the base model.",
  Training: "Training.",
  EvaluatingAfter: "Evaluating the result.",
  Saving: "Saving the result.",
};

function phaseText(phase: string): string {
  return phaseTexts[phase] ?? `${phase}.`;
}
