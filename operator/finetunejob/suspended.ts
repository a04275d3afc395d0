/** The step of `spec.suspend`. Pure. */
import { findCondition } from "../api/conditions.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import { type Step, say } from "./say.ts";
import { mirrorProgress } from "./status.ts";

/** A person wants the resources back. What is trained already stays as it is. */
export const suspended: Step = (world) => {
  const { wanted, prepare, currentRun, job } = world;
  if (wanted.spec.suspend !== true) return undefined;
  const status = mirrorProgress(job.status ?? {}, currentRun);
  const actions =
    prepare?.job && isActive(prepare.state.kind) ? [{ kind: "deleteJob" as const, job: prepare.job }] : [];
  if (actions.length > 0 || prepare?.state.kind === "Deleting" || isStopping(currentRun)) {
    const message = stoppingWords(currentRun) ?? "Writing a checkpoint and giving the resources back.";
    return say(world, "Reconciling", "Suspending", "Suspending", message, { status, actions });
  }
  const message = "Set spec.suspend to false to go on from the last checkpoint.";
  return say(world, "Waiting", "Suspended", "Suspended", message, { status });
};

const isActive = (kind: ObservedJob["state"]["kind"]) => kind === "Running" || kind === "Pending";

const isStopping = (run: FineTuneRun | undefined) =>
  !["Stopped", "Succeeded", "Failed"].includes(run?.status?.state ?? "Stopped");

/** The run knows what keeps its Job from ending. */
const stoppingWords = (run: FineTuneRun | undefined) =>
  run?.status?.state === "Stopping" ? findCondition(run.status.conditions, "Ready")?.message : undefined;
