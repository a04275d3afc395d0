/**
 * Derives one state from a batch Job and its pods. Pure. A pod's termination message is untrusted: the contract's schema
 * validates it, and a lost message is a separate state.
 */
import { finalExitCodes } from "../../trainer/contract/exitCodes.ts";
import { type Envelope, parseEnvelope } from "../../trainer/contract/report.ts";
import { heldWords } from "../api/deletion.ts";
import { labels } from "../api/names.ts";
import type { KubeObject } from "../runtime/objects.ts";
import { killed } from "./render.ts";
import type { Job, Pod } from "./resources.ts";
import { type Terminated, terminations } from "./terminations.ts";
import { onNode, type Waiting, waitCause } from "./waiting.ts";

export type JobState =
  | { kind: "Absent" }
  /** `waiting`: the cause that keeps it from ending. `podRuns`: a pod has not ended yet. */
  | { kind: "Deleting"; podRuns?: boolean; waiting?: Waiting | undefined }
  /** Created, but no container is known to run, except one that is ending (`podRuns`); the reason is the pod's. */
  | { kind: "Pending"; podRuns?: boolean; reason: string; message: string; pollAfterMs?: number }
  | { kind: "Running"; pod: Pod }
  /** Its pod has succeeded; the Job's condition follows soon. */
  | { kind: "Completing"; pod: Pod }
  /** `envelope` is undefined when the message was lost. */
  | { kind: "Succeeded"; envelope: Envelope | undefined; endedAt: string | undefined }
  | { kind: "Failed"; failure: Failure; endedAt: string | undefined };

export interface Failure {
  /** CamelCase, for a condition. */
  reason: string;
  message: string;
  exitCode: number | undefined;
  /** A retry may help. */
  retryable: boolean;
  /** The Job made all its own attempts. */
  exhausted: boolean;
}

export function jobState(job: Job | undefined, pods: readonly Pod[]): JobState {
  if (job === undefined) return { kind: "Absent" };
  const complete = jobCondition(job, "Complete");
  const failed = jobCondition(job, "Failed");
  if (complete) return { kind: "Succeeded", envelope: lastEnvelope(pods), endedAt: complete.lastTransitionTime };
  if (failed) return { kind: "Failed", failure: failureOf(job, failed, pods), endedAt: failed.lastTransitionTime };
  const alive = pods.filter(({ status }) => status?.phase === "Running");
  const podRuns = pods.some(isRunning);
  if (job.metadata.deletionTimestamp !== undefined)
    return { kind: "Deleting", podRuns, waiting: pods.map(onNode).find(Boolean) ?? held([job, ...pods]) };
  const done = pods.find(({ status }) => status?.phase === "Succeeded");
  if (done) return { kind: "Completing", pod: done };
  const running = alive.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (running && onNode(running) === undefined) return { kind: "Running", pod: running };
  return { kind: "Pending", podRuns, ...waitCause(job, pods) };
}

/** Do the pod's containers run, or may they run while the node does not report? */
export const isRunning = ({ status }: Pod) => status?.phase === "Running" || status?.phase === "Unknown";
/** The message of an object that a foreign finalizer holds. */
function held(objects: readonly KubeObject[]): Waiting | undefined {
  const message = objects.map(heldWords).find((words) => words !== undefined);
  return message === undefined ? undefined : { reason: "Deleting", message };
}

export const hasEnded = (job: Job) => ["Complete", "Failed"].some((type) => jobCondition(job, type) !== undefined);

function jobCondition(job: Job, type: string) {
  return job.status?.conditions?.find((condition) => condition.type === type && condition.status === "True");
}

function lastEnvelope(pods: readonly Pod[]): Envelope | undefined {
  const succeeded = terminations(pods).find(({ exitCode }) => exitCode === 0);
  return succeeded && parseEnvelope(succeeded.message);
}

type Condition = NonNullable<NonNullable<NonNullable<Job["status"]>["conditions"]>[number]>;

function failureOf(job: Job, condition: Condition, pods: readonly Pod[]): Failure {
  const decisive = decisiveExitCode(condition);
  const ended = terminations(pods);
  const last =
    decisive === undefined
      ? (ended.find(({ exitCode, stopped }) => exitCode !== 0 && !stopped) ??
        ended.find(({ exitCode }) => exitCode !== 0))
      : ended.find(({ exitCode }) => exitCode === decisive);
  const envelope = last && parseEnvelope(last.message);
  const exhausted = condition.reason === "BackoffLimitExceeded";
  const exitCode = last?.exitCode ?? decisive;
  if (condition.reason === "DeadlineExceeded") return { ...deadlineExceeded, exitCode, exhausted };
  if (last?.reason === "OOMKilled") {
    return { reason: hostMemoryExceeded, message: memoryWords(job), retryable: false, exitCode, exhausted };
  }
  const retryable = exitCode === undefined || !isFinal(exitCode);
  const words = envelope ? { reason: envelope.reason, message: envelope.message } : crash(condition, last);
  return { ...words, exitCode, retryable, exhausted };
}

/** The exit code that failed the Job by its `podFailurePolicy`; the condition keeps it even when the pod is gone. */
function decisiveExitCode({ reason, message }: Condition): number | undefined {
  const [, code] = (reason === "PodFailurePolicy" && /failed with exit code (\d+) /.exec(message ?? "")) || [];
  return code === undefined ? undefined : Number(code);
}

export const deadlineExceeded = {
  reason: "DeadlineExceeded",
  message: "The attempts, waiting included, took longer than spec.activeDeadlineSeconds.",
  retryable: false,
};

export const hostMemoryExceeded = "HostMemoryExceeded";

/** The message names the limit that applies to the Job's stage. */
function memoryWords({ metadata }: Job): string {
  const ran = "needed more memory than its limit (or its node) has.";
  switch (metadata.labels?.[labels.stage]) {
    case "prepare":
      return `The pod that reads the inputs ${ran} Raise helpers.resources.limits.memory; the operator then reads them again.`;
    case "check":
      return `The pod that checks the data ${ran} Raise helpers.resources.limits.memory.`;
    case "export":
      return `The pod that exports ${ran} Raise helpers.resources.limits.memory; the operator then exports again.`;
    default:
      return `The training ${ran}`;
  }
}

/** A container that ended without the trainer's report. */
function crash(condition: Condition, last: Terminated | undefined): { reason: string; message: string } {
  if (last === undefined) {
    return {
      reason: condition.reason ?? "JobFailed",
      message: condition.message ?? "The Job failed, and its pods no longer exist.",
    };
  }
  const words = last.message === "" ? "it left no message" : `its message: ${last.message.slice(-500)}`;
  return {
    reason: last.exitCode === killed ? "Killed" : "Crashed",
    message: `The trainer ended with exit code ${last.exitCode}${last.reason ? ` (${last.reason})` : ""}; ${words}.`,
  };
}

const isFinal = (code: number) => finalExitCodes.some((final) => final === code);
