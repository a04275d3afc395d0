/**
 * Decides what a FineTuneJob does next. Pure. The order of the road's steps is their priority; the first that applies
 * decides: inputs pinned → fits → run → Adapter → exports → Ready. Settings that were trained before go straight to their
 * Adapter. Each step declares when it applies and what it may report; docs/states.md is generated from here.
 */
import { ggufRefusalReason } from "../../trainer/contract/exports.ts";
import { deletingReason, deletingWords } from "../api/deletion.ts";
import { blocked, type DeclaredStep, ready, reconciling, stalled, waiting } from "../api/outcome.ts";
import { adapterDeleted, pinnedAdapter, promoteKnown } from "./adapterSteps.ts";
import { checkData } from "./dataCheck.ts";
import { decisionOf, type Readable, type Step } from "./decision.ts";
import { prepare, prepareFailed } from "./inputSteps.ts";
import {
  adoptRun,
  doesNotFit,
  exportImpossible,
  needsRun,
  runConflict,
  runContinues,
  runDeleting,
  runFailed,
  runSucceeded,
} from "./runSteps.ts";
import { suspended } from "./suspended.ts";
import type { Decision, World } from "./world.ts";

const exporting = [reconciling("Exporting", "Exporting"), stalled("ExportFailed", "* the Adapter's")];

/** Outcomes of a promoted Adapter: it is ready, its exports are in progress, or one failed. */
const settled = [ready("Ready", "AdapterReady"), ...exporting];

/** Another Adapter stays promoted. */
const kept = ["NotBetter", "NotComparable", "RequirementNotMet", "AwaitingPromotion"];

export const road: readonly DeclaredStep<Step>[] = [
  {
    name: "pinnedAdapter",
    when: "spec.promotion.adapterRef is set: the operator promotes that Adapter and trains nothing",
    outcomes: [...settled, stalled("Failed", "AdapterNotFound")],
    step: pinnedAdapter,
  },
  {
    name: "adapterDeleted",
    when: "a person deleted the Adapter of the current run; another promoted one stays promoted",
    outcomes: [ready("NotPromoted", "AdapterDeleted"), ...exporting, stalled("Deleted", "AdapterDeleted")],
    step: adapterDeleted,
  },
  {
    name: "promoteKnown",
    when: "these settings were trained before: the operator promotes their Adapter without a pod, if spec.promotion allows it",
    outcomes: [
      ...settled,
      ...kept.map((reason) => ready("NotPromoted", reason)),
      waiting("NotPromoted", "AwaitingPromotion"),
      stalled("NotPromoted", "RequirementNotMet"),
      stalled("Failed", "ArtifactsElsewhere"),
    ],
    step: promoteKnown,
  },
  {
    name: "suspended",
    when: "spec.suspend is true",
    outcomes: [reconciling("Suspending", "Suspending"), waiting("Suspended", "Suspended")],
    step: suspended,
  },
  {
    name: "prepareFailed",
    when: "the prepare Job of these same inputs and this method failed before",
    outcomes: [stalled("Failed", "* the prepare Job's")],
    step: prepareFailed,
  },
  {
    name: "prepare",
    when: "the inputs are not pinned: a prepare Job reads, digests and stages them",
    outcomes: [
      reconciling("Preparing", "ResolvingInputs"),
      reconciling("Queued", "HelperSuspended"),
      blocked("Queued", "* the pod's"),
      reconciling("Planning", "InputsResolved"),
      reconciling("Preparing", "ReportLost"),
      stalled("Failed", "NameConflict"),
      stalled("Failed", "* the prepare Job's"),
    ],
    step: prepare,
  },
  {
    name: "doesNotFit",
    when: "the planner reports that the run does not fit, or fails, and no Job of the run is running or succeeded",
    outcomes: [
      stalled("DoesNotFit", "DoesNotFit"),
      stalled("Failed", "PlanFailed"),
      reconciling("Planning", "PlanFailed"),
    ],
    step: doesNotFit,
  },
  {
    name: "exportImpossible",
    when: "spec.adapter.exports has a format that this base model has no form in, and no Job of the run is running or succeeded",
    outcomes: [stalled("Failed", ggufRefusalReason)],
    step: exportImpossible,
  },
  {
    name: "needsRun",
    when: "the FineTuneRun of this hash is missing: the operator creates it",
    outcomes: [reconciling("Pending", "Starting")],
    step: needsRun,
  },
  {
    name: "runConflict",
    when: "the FineTuneRun of that name has another hash, or writes to another store",
    outcomes: [stalled("Failed", "NameConflict"), stalled("Failed", "ArtifactsElsewhere")],
    step: runConflict,
  },
  {
    name: "runDeleting",
    when: "the FineTuneRun of that name is being deleted: the operator waits until it is gone",
    outcomes: [reconciling("Pending", "RunDeleting")],
    step: runDeleting,
  },
  {
    name: "adoptRun",
    when: "the run is not this job's current run yet: the job adopts it",
    outcomes: [reconciling("Pending", "Starting")],
    step: adoptRun,
  },
  {
    name: "runSucceeded",
    when: "the run succeeded: the operator creates and promotes its Adapter",
    outcomes: [
      reconciling("Exporting", "AdapterCreated"),
      reconciling("Exporting", "AdapterDeleting"),
      stalled("Failed", "NameConflict"),
    ],
    step: runSucceeded,
  },
  {
    name: "runFailed",
    when: "the run failed; the operator does not retry it unasked",
    outcomes: [stalled("Failed", "* the run's")],
    step: runFailed,
  },
  {
    name: "runContinues",
    when: "else: the run continues, and the job mirrors its state",
    outcomes: [reconciling("Pending", "Starting"), reconciling("* the run's", "* the run's")],
    step: runContinues,
  },
];

export function decide(world: World): Decision {
  if (world.job.metadata.deletionTimestamp !== undefined)
    return decisionOf(world, "Reconciling", "Deleting", deletingReason(world.job), deletingWords(world.job));
  if ("issue" in world.wanted) return decisionOf(world, "Stalled", "Invalid", "InvalidSpec", world.wanted.issue);
  const readable = { ...world, wanted: world.wanted };
  const { world: checked, actions, requeueAfterMs } = checkData(readable);
  const { decision } = decideBy(checked);
  const wakes = [decision.requeueAfterMs, requeueAfterMs].filter((ms) => ms !== undefined);
  return withStalePreparesDeleted(readable, {
    ...decision,
    actions: [...decision.actions, ...actions],
    ...(wakes.length > 0 && { requeueAfterMs: Math.min(...wakes) }),
  });
}

/** The decision, and the step that made it. */
export function decideBy(world: Readable): { by: DeclaredStep<Step>; decision: Decision } {
  for (const by of road) {
    const decision = by.step(world);
    if (decision) return { by, decision };
  }
  throw new Error("no step decided, although the last one always should");
}

function withStalePreparesDeleted(world: Readable, decision: Decision): Decision {
  const stale = world.stalePrepares.map((job) => ({ kind: "deleteJob" as const, job }));
  return { ...decision, actions: [...stale, ...decision.actions] };
}
