/**
 * What a FineTuneJob should do, given what is. Pure; the order of the steps is their priority, the first that applies
 * decides. The road: inputs pinned → fits → run → Adapter → exports → Ready. Settings that were trained before go
 * straight to their Adapter.
 */
import { canonicalJson } from "../../trainer/contract/hashes.ts";
import { type ConditionUpdate, findCondition, updateConditions, type Verdict, verdict } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneRun } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { needsAttention } from "../jobs/outcome.ts";
import { timestamp } from "../runtime/clock.ts";
import {
  adapterExecution,
  adapterName,
  adapterOf,
  adapterWithExports,
  artifactRoot,
  executionOf,
  fineTuneRun,
  nextRevision,
  prepareJob,
  prepareName,
} from "./children.ts";
import { fitMessage } from "./fit.ts";
import { currentPins, inputsOf, knownAdapter, pinsOf, prepareFiguresOf } from "./pins.ts";
import { mirrorProgress, sentence, settledMessage } from "./status.ts";
import type { Action, Decision, Wanted, World } from "./world.ts";

/** A world whose spec could be read. */
type Readable = World & { wanted: Wanted };
type Step = (world: Readable) => Decision | undefined;

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

/** A person chose: that Adapter is promoted, and nothing is trained until the choice is taken back. */
const pinnedAdapter: Step = (world) => {
  const chosen = world.wanted.spec.promotion?.adapterRef?.name;
  if (chosen === undefined) return undefined;
  const adapter = world.adapters.find(({ metadata }) => metadata.name === chosen && !metadata.deletionTimestamp);
  if (adapter) return settle(world, adapter);
  const names = world.adapters.map(({ metadata }) => metadata.name).sort();
  const message = `spec.promotion.adapterRef: this FineTuneJob has no Adapter ${chosen}. It has: ${names.join(", ") || "none"}.`;
  return say(world, "Stalled", "Failed", "AdapterNotFound", message);
};

/** A promoted Adapter that a person deleted stays deleted, and no other takes its place. */
const adapterDeleted: Step = (world) => {
  const { job, currentRun, adapters, wanted, run } = world;
  const name = job.status?.currentRunRef?.adapterName;
  if (name === undefined || currentRun === undefined || wanted.request !== undefined) return undefined;
  const wantedStill = currentRun.spec.specHash === wanted.specHash || run?.metadata.uid === currentRun.metadata.uid;
  if (!wantedStill || adapters.some(({ metadata }) => metadata.name === name)) return undefined;
  const { promotedAdapterRef: _, ...status } = job.status ?? {};
  const message = `Adapter ${name} was deleted. To make it again from the store, delete FineTuneRun ${currentRun.metadata.name}; it is trained anew only if the store has lost it.`;
  return say(world, "Stalled", "Deleted", "PromotedAdapterDeleted", message, { status });
};

/** This was trained before: no pod is needed. */
const promoteKnown: Step = (world) => {
  const known = knownAdapter(world);
  return known && settle(world, known);
};

const suspended: Step = (world) => {
  const { wanted, prepare, currentRun, job } = world;
  if (wanted.spec.suspend !== true) return undefined;
  const active = prepare?.job && (prepare.state.kind === "Running" || prepare.state.kind === "Pending");
  const stopping = currentRun?.status?.state === "Stopping" || currentRun?.status?.state === "Training";
  const status = mirrorProgress(job.status ?? {}, currentRun);
  const decision = stopping
    ? say(world, "Reconciling", "Suspending", "Suspending", "Writing a checkpoint and giving the resources back.", {
        status,
      })
    : say(
        world,
        "Waiting",
        "Suspended",
        "Suspended",
        "Suspended. Set spec.suspend to false to go on from the last checkpoint.",
        { status },
      );
  return active ? { ...decision, actions: [{ kind: "deleteJob", job: prepare.job! }] } : decision;
};

const prepareFailed: Step = (world) => {
  const { job, wanted } = world;
  const { prepare } = job.status ?? {};
  if (pinned(world) || prepare?.outcome !== "Failed" || prepare.jobName !== prepareName(job, wanted)) return undefined;
  return stalledPrepare(world, prepare.reason ?? "PrepareFailed", prepare.message ?? "", job.status ?? {});
};

/** The inputs are not pinned yet: a prepare Job is asked for them. */
const prepare: Step = (world) => {
  if (pinned(world)) return undefined;
  const { job, wanted, trainerImage } = world;
  const { job: batchJob, state } = world.prepare ?? { job: undefined, state: { kind: "Absent" as const } };
  const running = withPrepare(world, { outcome: "Running" });
  switch (state.kind) {
    case "Absent":
      return say(
        world,
        "Reconciling",
        "Preparing",
        "ResolvingInputs",
        "Creating the Job that reads the base model and the data.",
        {
          status: running,
          actions: [{ kind: "createPrepare", job: prepareJob(job, wanted, trainerImage) }],
        },
      );
    case "Foreign":
      return nameConflict(world, `Job ${prepareName(job, wanted)}`);
    case "Deleting":
      return say(world, "Reconciling", "Preparing", "ResolvingInputs", "Waiting until an earlier Job is gone.", {
        status: running,
      });
    case "Pending": {
      const queued = needsAttention(state.reason);
      const reason = queued ? state.reason : "ResolvingInputs";
      return say(world, "Reconciling", queued ? "Queued" : "Preparing", reason, state.message, { status: running });
    }
    case "Running":
      return say(world, "Reconciling", "Preparing", "ResolvingInputs", "Reading the base model and the data.", {
        status: running,
      });
    case "Succeeded": {
      const figures = prepareFiguresOf(state.envelope, wanted.prepareKey);
      if (figures) return pin(world, figures);
      // Its words are lost. Asking again is cheap: what was staged is found in the store.
      const message = "The report of the prepare Job was lost; asking again.";
      return say(world, "Reconciling", "Preparing", "ReportLost", message, {
        status: running,
        actions: batchJob ? [{ kind: "deleteJob", job: batchJob }] : [],
      });
    }
    case "Failed": {
      const { reason, message } = state.failure;
      return stalledPrepare(world, reason, message, withPrepare(world, { outcome: "Failed", reason, message }));
    }
  }
};

function pin(world: Readable, figures: NonNullable<ReturnType<typeof prepareFiguresOf>>): Decision {
  const request = world.job.metadata.annotations?.[annotations.requestedAt];
  const status: FineTuneJobStatus = {
    ...withPrepare(world, { outcome: "Succeeded" }),
    pins: pinsOf(figures),
    inputs: inputsOf(figures),
    checkedAt: timestamp(world.now),
    ...(request === undefined ? {} : { handledRequest: request }),
  };
  const { examples, tokens, rows } = figures.dataset;
  const message = `${examples} examples, ${tokens} tokens in ${rows} rows.`;
  return say(world, "Reconciling", "Planning", "InputsResolved", message, {
    status,
    conditions: [{ type: "InputsResolved", status: "True", reason: "Pinned", message }],
  });
}

function stalledPrepare(world: Readable, reason: string, message: string, status: FineTuneJobStatus): Decision {
  const hint = `Mend that and change the spec, or, if what lies under the same URI was mended, annotate: ${annotations.requestedAt}=$(date +%s).`;
  return say(world, "Stalled", "Failed", reason, `${sentence(message)} ${hint}`, {
    status,
    conditions: [{ type: "InputsResolved", status: "False", reason, message }],
  });
}

const doesNotFit: Step = (world) => {
  const { plan } = world;
  if (plan === undefined) throw new Error("pinned inputs without a plan");
  if (plan.kind === "failed") return say(world, "Stalled", "Failed", "PlanFailed", plan.message);
  if (plan.plan.fits) return undefined;
  const message = fitMessage(plan.plan);
  return {
    ...say(world, "Stalled", "DoesNotFit", "DoesNotFit", message, {
      status: { ...world.job.status, plan: plan.plan },
      conditions: [{ type: "Fits", status: "False", reason: "DoesNotFit", message }],
    }),
    // Without a limit it is judged by the nodes, and those may grow.
    requeueAfterMs: world.wanted.spec.placement.resources?.limits?.memory === undefined ? 300_000 : undefined,
  };
};

const needsRun: Step = (world) => {
  const { job, run, wanted, runHash, trainerImage } = world;
  const known = currentPins(job.status, wanted);
  if (run !== undefined || runHash === undefined || known === undefined) return undefined;
  return say(world, "Reconciling", "Pending", "Starting", "Creating the FineTuneRun.", {
    ...fits(world),
    actions: [{ kind: "createRun", run: fineTuneRun(job, wanted, { runHash, pins: known.pins, trainerImage }) }],
  });
};

const runConflict: Step = (world) => {
  const { run, runHash, wanted, job } = world;
  if (run === undefined) return undefined;
  if (run.spec.runHash !== runHash) return nameConflict(world, `FineTuneRun ${run.metadata.name}`);
  const root = artifactRoot(wanted.spec, job.metadata.namespace ?? "");
  if (run.spec.artifactRoot === root) return undefined;
  const message = `FineTuneRun ${run.metadata.name} trains the same with artifacts under ${run.spec.artifactRoot}. Set spec.artifacts.uri to the same store, or delete that run to train here.`;
  return say(world, "Stalled", "Failed", "ArtifactsElsewhere", message);
};

/** The wanted run is there and is not ours yet, or not as we place it. */
const adoptRun: Step = (world) => {
  const { job, run, wanted } = world;
  if (run === undefined) return undefined;
  const { ownerReferences = [], uid = "" } = run.metadata;
  const owned = ownerReferences.some((owner) => owner.uid === job.metadata.uid);
  if (owned && job.status?.currentRunRef?.uid === uid) return undefined;
  const status = { ...fits(world).status, currentRunRef: { name: run.metadata.name, uid } };
  const { progress: _, ...fresh } = status;
  return say(world, "Reconciling", "Pending", "Starting", `FineTuneRun ${run.metadata.name} is this job's run.`, {
    status: fresh,
    actions: [
      ...(owned ? [] : [{ kind: "ownRun" as const, run }]),
      ...(wanted.spec.suspend ? [] : placementUpdate(world, run)),
    ],
  });
};

const runSucceeded: Step = (world) => {
  const { job, run, adapters, wanted } = world;
  const { results } = run?.status ?? {};
  if (run === undefined || !succeeded(run, "True") || results === undefined) return undefined;
  const name = adapterName(job, run.spec.runHash);
  const existing = adapters.find(({ metadata }) => metadata.name === name);
  if (existing) return settle(world, existing);
  const status = {
    ...mirrorProgress(job.status ?? {}, run),
    currentRunRef: { name: run.metadata.name, uid: run.metadata.uid ?? "", adapterName: name },
    promotedAdapterRef: { name },
  };
  const adapter = adapterOf(job, run, { results, revision: nextRevision(adapters), spec: wanted.spec });
  return say(world, "Reconciling", "Exporting", "AdapterCreated", `Adapter ${name} is made of ${run.metadata.name}.`, {
    status,
    actions: [
      { kind: "applyAdapter", adapter },
      { kind: "promote", adapter: name },
    ],
    conditions: [
      { type: "LastRunSucceeded", status: "True", reason: "Completed", message: `${run.metadata.name} succeeded.` },
    ],
  });
};

const runFailed: Step = (world) => {
  const { job, run } = world;
  if (run === undefined || !succeeded(run, "False")) return undefined;
  const failure = findCondition(run.status?.conditions, "Succeeded");
  const reason = failure?.reason ?? "Failed";
  const message = `${sentence(failure?.message ?? "")} To try again from the last checkpoint, delete FineTuneRun ${run.metadata.name}.`;
  return say(world, "Stalled", "Failed", reason, message, {
    status: mirrorProgress(job.status ?? {}, run),
    conditions: [{ type: "LastRunSucceeded", status: "False", reason, message }],
  });
};

const runGoesOn: Step = (world) => {
  const { job, run } = world;
  if (run === undefined) return undefined;
  const ready = findCondition(run.status?.conditions, "Ready");
  const state = run.status?.state ?? "Pending";
  return say(
    world,
    "Reconciling",
    state === "Stopped" ? "Pending" : state,
    ready?.reason ?? "Starting",
    ready?.message ?? "The run is starting.",
    { status: mirrorProgress(job.status ?? {}, run), actions: placementUpdate(world, run) },
  );
};

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

/** There is an Adapter for what is wanted: promote it, keep its exports as the spec says, tell how it stands. */
function settle(world: Readable, adapter: Adapter): Decision {
  const { job } = world;
  const { name } = adapter.metadata;
  const { currentRunRef, progress, ...rest } = job.status ?? {};
  const ownRun = currentRunRef?.name === adapter.spec.provenance.runName ? currentRunRef : undefined;
  const status: FineTuneJobStatus = {
    ...rest,
    ...(ownRun === undefined ? {} : { currentRunRef: { ...ownRun, adapterName: name }, ...(progress && { progress }) }),
    promotedAdapterRef: { name },
  };
  const actions = [...promotion(world, adapter), ...exportsUpdate(world, adapter)];
  const ready = findCondition(adapter.status?.conditions, "Ready");
  const stalled = findCondition(adapter.status?.conditions, "Stalled");
  const current = actions.length === 0 && adapter.status?.observedGeneration === adapter.metadata.generation;
  const options = { status, actions };
  if (current && ready?.status === "True") {
    return say(world, "Ready", "Ready", "AdapterReady", settledMessage(adapter), options);
  }
  if (current && stalled) return say(world, "Stalled", "ExportFailed", stalled.reason, stalled.message, options);
  return say(
    world,
    "Reconciling",
    "Exporting",
    "Exporting",
    ready?.message ?? `Adapter ${name} is being exported.`,
    options,
  );
}

/** The promoted Adapter is the one promoted last. */
function promotion({ job, adapters }: Readable, adapter: Adapter): Action[] {
  const at = (one: Adapter) => one.metadata.annotations?.[annotations.promotedAt] ?? "";
  const newest = adapters.every((other) => at(other) <= at(adapter));
  const promoted = at(adapter) !== "" && (newest || job.status?.promotedAdapterRef?.name === adapter.metadata.name);
  return promoted ? [] : [{ kind: "promote", adapter: adapter.metadata.name }];
}

function exportsUpdate({ wanted }: Readable, adapter: Adapter): Action[] {
  const exports = wanted.spec.adapter?.exports ?? [];
  const execution = adapterExecution(wanted.spec, adapter.spec.execution.trainerImage);
  const ours = (adapter.metadata.annotations?.[annotations.jobExports] ?? "").split(",").filter((name) => name !== "");
  const present = (adapter.spec.exports ?? []).filter(({ name }) => ours.includes(name));
  const same = sameJson(byName(present), byName(exports)) && sameJson(adapter.spec.execution, execution);
  return same ? [] : [{ kind: "applyAdapter", adapter: adapterWithExports(adapter, wanted.spec) }];
}

const byName = <T extends { name: string }>(entries: readonly T[]) =>
  [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));

/** Equal once they are on the wire: the order of members and undefined ones do not count. */
function sameJson(a: unknown, b: unknown): boolean {
  const text = (value: unknown) => canonicalJson(JSON.parse(JSON.stringify(value)));
  return text(a) === text(b);
}

/** Of several FineTuneJobs that share a run, the first owner places it. */
function placementUpdate({ job, wanted }: Readable, run: FineTuneRun): Action[] {
  const [first] = run.metadata.ownerReferences ?? [];
  if (first !== undefined && first.uid !== job.metadata.uid) return [];
  const execution = executionOf(wanted.spec);
  const same = sameJson(run.spec.execution, execution);
  return same ? [] : [{ kind: "updateExecution", run, execution }];
}

function withStalePreparesDeleted(world: Readable, decision: Decision): Decision {
  const stale = world.stalePrepares.map((job) => ({ kind: "deleteJob" as const, job }));
  return { ...decision, actions: [...stale, ...decision.actions] };
}

const pinned = ({ job, wanted }: Readable) => currentPins(job.status, wanted) !== undefined;

const succeeded = (run: FineTuneRun, status: "True" | "False") =>
  findCondition(run.status?.conditions, "Succeeded")?.status === status;

function nameConflict(world: World, what: string): Decision {
  const message = `${what} exists and is not this job's. It is never taken over: delete it, or rename this FineTuneJob.`;
  return say(world, "Stalled", "Failed", "NameConflict", message);
}

/** The plan that fits, in status and as a condition. */
function fits(world: Readable): { status: FineTuneJobStatus; conditions: ConditionUpdate[] } {
  const { plan, job } = world;
  if (plan?.kind !== "planned") return { status: job.status ?? {}, conditions: [] };
  const known = plan.plan.availableBytes !== undefined;
  const condition: ConditionUpdate = {
    type: "Fits",
    status: known ? "True" : "Unknown",
    reason: known ? "Fits" : "NoNodeKnown",
    message: fitMessage(plan.plan),
  };
  return { status: { ...job.status, plan: plan.plan }, conditions: [condition] };
}

function withPrepare(
  { job, wanted }: Readable,
  result: { outcome: "Running" | "Succeeded" | "Failed"; reason?: string; message?: string },
): FineTuneJobStatus {
  const { request, prepareKey } = wanted;
  return {
    ...job.status,
    prepare: {
      key: prepareKey,
      ...(request === undefined ? {} : { requestedAt: request }),
      jobName: prepareName(job, wanted),
      ...result,
    },
  };
}

interface Saying {
  status?: FineTuneJobStatus;
  actions?: readonly Action[];
  conditions?: readonly ConditionUpdate[];
}

function say(
  world: World,
  kind: Verdict,
  state: string,
  reason: string,
  message: string,
  saying: Saying = {},
): Decision {
  const { job, now } = world;
  const { generation } = job.metadata;
  return {
    status: {
      ...(saying.status ?? job.status),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      state,
      conditions: updateConditions(
        job.status?.conditions,
        [...(saying.conditions ?? []), ...verdict(kind, reason, message)],
        { generation, now },
      ),
    },
    actions: saying.actions ?? [],
  };
}
