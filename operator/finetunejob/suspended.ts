/** The step of `spec.suspend`. Pure. */
import { findCondition } from "../api/conditions.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { stoppingWords } from "../finetunerun/decision.ts";
import { fromCheckpoint } from "../finetunerun/fix.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import { decisionOf, type Step } from "./decision.ts";
import { mirrorProgress } from "./status.ts";

/** A person wants the resources back. Finished results stay as they are. */
export const suspended: Step = (world) => {
  const { wanted, prepare, currentRun, job, runWantedBy } = world;
  if (wanted.spec.suspend !== true) return undefined;
  const status = mirrorProgress(job.status ?? {}, currentRun);
  const actions =
    prepare?.job && isActive(prepare.state.kind) ? [{ kind: "deleteJob" as const, job: prepare.job }] : [];
  const shared = isLiving(currentRun) && runWantedBy.length > 0;
  const stopping = isLiving(currentRun) && !shared;
  if (actions.length > 0 || prepare?.state.kind === "Deleting" || stopping) {
    const message = stopping ? wordsOf(currentRun) : (deletingWords(prepare) ?? prepareStops);
    return decisionOf(world, "Reconciling", "Suspending", "Suspending", message, { status, actions });
  }
  const message = shared
    ? `FineTuneRun ${currentRun?.metadata.name} continues for ${runWantedBy.join(", ")}. Set spec.suspend to false to share it again.`
    : `Set spec.suspend to false to resume${fromCheckpoint(currentRun?.status ?? {})}.`;
  return decisionOf(world, "Waiting", "Suspended", "Suspended", message, { status });
};

const isActive = (kind: ObservedJob["state"]["kind"]) => kind === "Running" || kind === "Pending";

/** A run that has not ended and is not known to be stopped. */
const isLiving = (run: FineTuneRun | undefined) =>
  !["Stopped", "Succeeded", "Failed"].includes(run?.status?.state ?? "Stopped");

/** The run's message names the cause that keeps its Job from ending. */
const wordsOf = (run: FineTuneRun | undefined) =>
  (run?.status?.state === "Stopping" ? findCondition(run.status.conditions, "Ready")?.message : undefined) ??
  stoppingWords(run?.status?.state === "Training", run?.status?.progress?.steps);

/** The cause that keeps a prepare Job from ending. */
const deletingWords = (prepare: ObservedJob | undefined) =>
  prepare?.state.kind === "Deleting" ? prepare.state.waiting?.message : undefined;

const prepareStops =
  "Stopping the Job that reads the inputs; it writes no checkpoint, and a new Job reads them when spec.suspend is false.";
