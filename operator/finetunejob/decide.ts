/**
 * What a FineTuneJob should do, given what is. Pure; the order of the steps is their priority, the first that applies
 * decides. The road: inputs pinned → fits → run → Adapter → exports → Ready. Settings that were trained before go
 * straight to their Adapter.
 */
import type { FineTuneRun } from "../api/kinds.ts";
import type { ObservedJob } from "../jobs/observe.ts";
import { adapterDeleted, pinnedAdapter, promoteKnown } from "./adapterSteps.ts";
import { prepare, prepareFailed } from "./inputSteps.ts";
import { adoptRun, doesNotFit, needsRun, runConflict, runFailed, runGoesOn, runSucceeded } from "./runSteps.ts";
import { type Readable, type Step, say } from "./say.ts";
import { mirrorProgress } from "./status.ts";
import type { Decision, World } from "./world.ts";

export function decide(world: World): Decision {
  if (world.job.metadata.deletionTimestamp !== undefined) return { status: world.job.status ?? {}, actions: [] };
  if ("issue" in world.wanted) return say(world, "Stalled", "Invalid", "InvalidSpec", world.wanted.issue);
  const readable = { ...world, wanted: world.wanted };
  for (const step of steps) {
    const decision = step(readable);
    if (decision) return withStalePreparesDeleted(readable, decision);
  }
  throw new Error("no step decided: the last one always does");
}

/** A person wants the resources back. What is trained already stays as it is. */
const suspended: Step = (world) => {
  const { wanted, prepare, currentRun, job } = world;
  if (wanted.spec.suspend !== true) return undefined;
  const status = mirrorProgress(job.status ?? {}, currentRun);
  const actions =
    prepare?.job && isActive(prepare.state.kind) ? [{ kind: "deleteJob" as const, job: prepare.job }] : [];
  if (actions.length > 0 || isStopping(currentRun)) {
    const message = "Writing a checkpoint and giving the resources back.";
    return say(world, "Reconciling", "Suspending", "Suspending", message, { status, actions });
  }
  const message = "Set spec.suspend to false to go on from the last checkpoint.";
  return say(world, "Waiting", "Suspended", "Suspended", message, { status });
};

const isActive = (kind: ObservedJob["state"]["kind"]) => kind === "Running" || kind === "Pending";

const isStopping = (run: FineTuneRun | undefined) =>
  !["Stopped", "Succeeded", "Failed"].includes(run?.status?.state ?? "Stopped");

/** The road, and the exits before it; the first that applies decides. */
const steps: readonly Step[] = [
  pinnedAdapter,
  adapterDeleted,
  promoteKnown,
  suspended,
  prepareFailed,
  prepare,
  doesNotFit,
  needsRun,
  runConflict,
  adoptRun,
  runSucceeded,
  runFailed,
  runGoesOn,
];

function withStalePreparesDeleted(world: Readable, decision: Decision): Decision {
  const stale = world.stalePrepares.map((job) => ({ kind: "deleteJob" as const, job }));
  return { ...decision, actions: [...stale, ...decision.actions] };
}
