/** The steps from pinned inputs to a finished run: fit, ownership, progress and result. Pure. */
import { ggufRefusalReason, impossibleExport } from "../../trainer/contract/exports.ts";
import { findCondition } from "../api/conditions.ts";
import { deletingWords } from "../api/deletion.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { currentAttempt } from "../finetunerun/attempts.ts";
import { endOf } from "../finetunerun/repair.ts";
import { sentence } from "../jobs/sentence.ts";
import {
  adapterName,
  adapterOf,
  artifactRoot,
  executionOf,
  fineTuneRun,
  nextRevision,
  type PlannedBytes,
} from "./children.ts";
import { decisionOf, nameConflict, type Readable, type Step } from "./decision.ts";
import { fitMessage } from "./fit.ts";
import { isGated } from "./gate.ts";
import { askedLook, currentPins } from "./pins.ts";
import { sameJson } from "./sameJson.ts";
import { mirrorProgress } from "./status.ts";
import type { Action, Decision, Plan } from "./world.ts";

export const doesNotFit: Step = (world) => {
  const { plan } = world;
  if (plan === undefined) throw new Error("pinned inputs without a plan");
  if (isProven(world)) return undefined;
  if (plan.kind === "failed") return planFailed(world, plan);
  if (plan.plan.fits) return undefined;
  return {
    ...decisionOf(world, "Stalled", "DoesNotFit", "DoesNotFit", fitMessage(plan.plan), { status: withPlan(world) }),
    // Without its own limit the plan depends on LimitRanges and nodes, which may change.
    requeueAfterMs: world.wanted.spec.placement.resources?.limits?.memory === undefined ? 300_000 : undefined,
  };
};

/** An export that no training on this base can have is refused before the training. */
export const exportImpossible: Step = (world) => {
  const { job, wanted } = world;
  const inputs = currentPins(job, wanted)?.inputs;
  const message = inputs && impossibleExport(wanted.spec.adapter?.exports ?? [], inputs);
  if (message === undefined || isProven(world)) return undefined;
  return decisionOf(world, "Stalled", "Failed", ggufRefusalReason, message, { status: withPlan(world) });
};

/** A run that succeeded or has a Job fits: a limit that is too low now is never applied to it. */
function isProven({ run, runHash }: Readable): boolean {
  if (run === undefined || run.spec.runHash !== runHash) return false;
  return endOf(run.status ?? {}) === "Succeeded" || currentAttempt(run.status)?.jobUID !== undefined;
}

/** Refused settings stay refused; a planner that failed is retried. */
function planFailed(world: Readable, { message, retryAfterMs }: Plan & { kind: "failed" }): Decision {
  if (retryAfterMs === undefined) return decisionOf(world, "Stalled", "Failed", "PlanFailed", message);
  const words = `${sentence(message)} The operator retries later.`;
  return { ...decisionOf(world, "Reconciling", "Planning", "PlanFailed", words), requeueAfterMs: retryAfterMs };
}

export const needsRun: Step = (world) => {
  const { job, run, wanted, runHash, plan } = world;
  const known = currentPins(job, wanted);
  if (run !== undefined || runHash === undefined || known === undefined) return undefined;
  const content = { runHash, pins: known.pins, planned: plannedBytes(plan) };
  return decisionOf(world, "Reconciling", "Pending", "Starting", "Creating the FineTuneRun.", {
    status: withPlan(world),
    actions: [{ kind: "createRun", run: fineTuneRun(job, wanted, content) }],
  });
};

export const runConflict: Step = (world) => {
  const { run, runHash, wanted, job } = world;
  if (run === undefined) return undefined;
  if (run.spec.runHash !== runHash) return nameConflict(world, `FineTuneRun ${run.metadata.name}`);
  const root = artifactRoot(wanted.spec, job.metadata.namespace ?? "");
  if (run.spec.artifactRoot === root) return undefined;
  const message = `FineTuneRun ${run.metadata.name} trains the same settings with artifacts under ${run.spec.artifactRoot}. Set spec.artifacts.uri to the same store, or, to train here, annotate: ${annotations.requestedAt}=$(date +%s), and then delete that run.`;
  return decisionOf(world, "Stalled", "Failed", "ArtifactsElsewhere", message);
};

/** A run that is being deleted does no more work; its name is free once it is gone. */
export const runDeleting: Step = (world) => {
  const { run } = world;
  if (run?.metadata.deletionTimestamp === undefined) return undefined;
  return decisionOf(world, "Reconciling", "Pending", "RunDeleting", deletingWords(run));
};

/** The wanted run exists, but this job does not own it yet or has not set its placement. */
export const adoptRun: Step = (world) => {
  const { job, run } = world;
  if (run === undefined) return undefined;
  const { ownerReferences = [], uid = "" } = run.metadata;
  const owned = ownerReferences.some((owner) => owner.uid === job.metadata.uid);
  if (owned && job.status?.currentRunRef?.uid === uid) return undefined;
  const { progress: _, ...before } = withPlan(world);
  const status = { ...before, currentRunRef: { name: run.metadata.name, uid } };
  const message = `FineTuneRun ${run.metadata.name} is this job's run.${placedWords(world)}`;
  return decisionOf(world, "Reconciling", "Pending", "Starting", message, {
    status,
    actions: [...(owned ? [] : [{ kind: "ownRun" as const, run }]), ...placementUpdate(world, run)],
  });
};

export const runSucceeded: Step = (world) => {
  const { job, run, adapters, wanted } = world;
  const { results } = run?.status ?? {};
  if (run === undefined || endOf(run.status ?? {}) !== "Succeeded" || results === undefined) return undefined;
  const name = adapterName(job, run.spec.runHash);
  // promoteKnown has found no Adapter of this run: this one is being deleted, or its hash begins with the same digits.
  const existing = adapters.find(({ metadata }) => metadata.name === name);
  if (existing?.metadata.deletionTimestamp !== undefined) {
    return decisionOf(world, "Reconciling", "Exporting", "AdapterDeleting", deletingWords(existing));
  }
  if (existing || world.adapterNameTaken) return nameConflict(world, `Adapter ${name}`);
  const waits = isGated(wanted.spec);
  const status = {
    ...mirrorProgress(withPlan(world), run),
    currentRunRef: { name: run.metadata.name, uid: run.metadata.uid ?? "", adapterName: name },
    ...(waits ? {} : { promotedAdapterRef: { name } }),
  };
  const trainerImage = run.status?.attempts?.at(-1)?.trainerImage ?? world.trainerImage;
  // An Adapter that is not promoted needs no exports.
  const spec = waits ? { ...wanted.spec, adapter: undefined } : wanted.spec;
  const adapter = adapterOf(job, run, { results, revision: nextRevision(adapters), spec, trainerImage });
  return decisionOf(
    world,
    "Reconciling",
    "Exporting",
    "AdapterCreated",
    `Adapter ${name} is created from ${run.metadata.name}.`,
    {
      status,
      actions: [{ kind: "applyAdapter", adapter }, ...(waits ? [] : [{ kind: "promote" as const, adapter: name }])],
      conditions: [
        { type: "LastRunSucceeded", status: "True", reason: "Completed", message: `${run.metadata.name} succeeded.` },
      ],
    },
  );
};

export const runFailed: Step = (world) => {
  const { job, run } = world;
  if (run === undefined || endOf(run.status ?? {}) !== "Failed") return undefined;
  const failure = findCondition(run.status?.conditions, "Succeeded");
  const reason = failure?.reason ?? "Failed";
  const message = failure?.message ?? "";
  return decisionOf(world, "Stalled", "Failed", reason, message, {
    status: mirrorProgress(job.status ?? {}, run),
    conditions: [{ type: "LastRunSucceeded", status: "False", reason, message }],
  });
};

export const runContinues: Step = (world) => {
  const { job, run } = world;
  if (run === undefined) return undefined;
  const status = mirrorProgress(withPlan(world), run);
  const actions = placementUpdate(world, run);
  const { state, conditions } = run.status ?? {};
  const ready = findCondition(conditions, "Ready");
  // The status of an active run was lost: its controller writes it again soon.
  if (state === undefined && currentAttempt(run.status)?.jobUID !== undefined) return { status, actions };
  // The run's controller has not seen yet that the run is wanted.
  if (ready === undefined || state === "Stopped" || ready.reason === "Starting") {
    return decisionOf(world, "Reconciling", "Pending", "Starting", `The run is starting.${placedWords(world)}`, {
      status,
      actions,
    });
  }
  const look = askedLook(job) === undefined ? "" : " The operator reads the inputs again when the run is done.";
  const message = `${ready.message}${placedWords(world)}${limitWords(world)}${look}`;
  return decisionOf(world, "Reconciling", state ?? "Pending", ready.reason, message, { status, actions });
};

const isPlacedByOther = ({ placer, job }: Readable) => placer !== undefined && placer !== job.metadata.name;

/** Names the FineTuneJob whose placement and limits apply, if it is not this one. */
const placedWords = (world: Readable) =>
  isPlacedByOther(world)
    ? ` FineTuneJob ${world.placer} requested this run first: its placement and limits apply.`
    : "";

/** Reports a limit that was lowered after the run was created. */
const limitWords = ({ plan }: Readable) =>
  plan?.kind === "planned" && !plan.plan.fits
    ? ` The run keeps the limits that it was created with. ${fitMessage(plan.plan)}`
    : "";

function placementUpdate(world: Readable, run: FineTuneRun): Action[] {
  const { wanted, plan } = world;
  if (isPlacedByOther(world) || (plan?.kind === "planned" && !plan.plan.fits)) return [];
  const { checkpointBytes, scratchBytes: stagedBytes } = run.spec.execution;
  const execution = executionOf(wanted.spec, { checkpointBytes, stagedBytes, ...plannedBytes(plan) });
  const same = sameJson(run.spec.execution, execution);
  return same ? [] : [{ kind: "updateExecution", run, execution }];
}

function plannedBytes(plan: Plan | undefined): PlannedBytes {
  if (plan?.kind !== "planned") return {};
  const { checkpointBytes, stagedBytes } = plan.plan;
  return {
    ...(checkpointBytes !== undefined && { checkpointBytes }),
    ...(stagedBytes !== undefined && { stagedBytes }),
  };
}

/** The status with the plan of the wanted settings. */
function withPlan({ plan, job }: Readable): FineTuneJobStatus {
  return plan?.kind === "planned" ? { ...job.status, plan: plan.plan } : { ...job.status };
}
