/** The steps that choose the promoted Adapter and bring it to Ready. Pure. */
import { type ConditionUpdate, findCondition } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import { type Adapter, promotedAt } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { adapterUpdate, artifactRoot } from "./children.ts";
import { decisionOf, type Extras, type Readable, type Step } from "./decision.ts";
import { type GateAnswer, gate, isGated } from "./gate.ts";
import { knownAdapter } from "./pins.ts";
import { settledMessage } from "./status.ts";
import type { Action, Decision } from "./world.ts";

/** A person chose an Adapter: the operator promotes it and trains nothing until the choice is removed. */
export const pinnedAdapter: Step = (world) => {
  const chosen = world.wanted.spec.promotion?.adapterRef?.name;
  if (chosen === undefined) return undefined;
  const adapter = world.adapters.find(({ metadata }) => metadata.name === chosen && !metadata.deletionTimestamp);
  if (adapter) return settle(world, adapter);
  const names = world.adapters.map(({ metadata }) => metadata.name).sort();
  const message = `spec.promotion.adapterRef: this FineTuneJob has no Adapter ${chosen}. It has: ${names.join(", ") || "none"}.`;
  return decisionOf(world, "Stalled", "Failed", "AdapterNotFound", message, { status: withoutTraining(world) });
};

/** A running training stops when no job names its run. A run with an Adapter is over; its reference shows a deleted Adapter. */
function withoutTraining({ job }: Readable): FineTuneJobStatus {
  const { currentRunRef, progress, ...rest } = job.status ?? {};
  return currentRunRef?.adapterName === undefined ? rest : { ...rest, currentRunRef, ...(progress && { progress }) };
}

/** An Adapter that a person deleted stays deleted; the promoted one stays promoted, and the operator promotes no other. */
export const adapterDeleted: Step = (world) => {
  const { job, currentRun, wanted, run } = world;
  const name = job.status?.currentRunRef?.adapterName;
  if (name === undefined || currentRun === undefined || wanted.request !== undefined) return undefined;
  const wantedStill = currentRun.spec.specHash === wanted.specHash || run?.metadata.uid === currentRun.metadata.uid;
  const there = existing(world).some(({ metadata }) => metadata.name === name);
  if (!wantedStill || there) return undefined;
  const { promotedAdapterRef, ...rest } = job.status ?? {};
  const promoted = existing(world).find(({ metadata }) => metadata.name === promotedAdapterRef?.name);
  const also = promoted === undefined ? "" : `, and Adapter ${promoted.metadata.name} stays promoted`;
  const message = `Adapter ${name} was deleted${also}. To recreate it from the store, delete FineTuneRun ${currentRun.metadata.name}; the operator trains again only if the adapter is missing in the store.`;
  if (promoted !== undefined) return keepPromoted(world, promoted, rest, { reason: "AdapterDeleted", message });
  return decisionOf(world, "Stalled", "Deleted", "AdapterDeleted", message, { status: rest });
};

const existing = ({ adapters }: Readable) =>
  adapters.filter(({ metadata }) => metadata.deletionTimestamp === undefined);

/** These settings were trained before: promote their Adapter without a pod. */
export const promoteKnown: Step = (world) => {
  const known = knownAdapter(world);
  return known && (adapterElsewhere(world, known) ?? gated(world, known));
};

/** The Adapter is in another store than the spec's: it is neither promoted nor trained again without a request. */
function adapterElsewhere(world: Readable, { metadata, spec }: Adapter): Decision | undefined {
  const { wanted, job } = world;
  if (spec.artifactRoot === artifactRoot(wanted.spec, job.metadata.namespace ?? "")) return undefined;
  const message = `Adapter ${metadata.name} has the same settings, with artifacts under ${spec.artifactRoot}. Set spec.artifacts.uri to the same store, or, to train here, annotate: ${annotations.requestedAt}=$(date +%s), and then delete that Adapter and FineTuneRun ${spec.provenance.runName}.`;
  return decisionOf(world, "Stalled", "Failed", "ArtifactsElsewhere", message);
}

/** Promotes the Adapter of the wanted settings, unless the policy keeps the promoted one. */
function gated(world: Readable, candidate: Adapter): Decision {
  const { promotion, evaluation } = world.wanted.spec;
  const promoted = promotedOf(world);
  if (!isGated(world.wanted.spec) || promotion === undefined || promoted === candidate) return settle(world, candidate);
  const answer = gate({ candidate, promoted }, { promotion, evaluation });
  return answer.kind === "Passed"
    ? settle(world, candidate, { afterExports: true })
    : keep(world, { candidate, promoted }, answer);
}

/** The Adapter that consumers get now; after a loss of the status the one that was promoted last. */
function promotedOf(world: Readable): Adapter | undefined {
  const name = world.job.status?.promotedAdapterRef?.name;
  const there = existing(world);
  if (name !== undefined) return there.find(({ metadata }) => metadata.name === name);
  const [newest] = there
    .filter((one) => promotedAt(one) !== "")
    .sort((a, b) => (promotedAt(a) < promotedAt(b) ? 1 : -1));
  return newest;
}

/**
 * The wanted settings have an Adapter: promote it, update its exports to the spec, and report its state. `afterExports`: the
 * earlier Adapter stays promoted until the exports of this one are ready.
 */
export function settle(world: Readable, adapter: Adapter, { afterExports = false } = {}): Decision {
  const { name } = adapter.metadata;
  const updates = exportsUpdate(world, adapter);
  const promotes =
    !afterExports ||
    (isCurrent(adapter, updates) && findCondition(adapter.status?.conditions, "Ready")?.status === "True");
  const { promotedAdapterRef, ...status } = withOwnRun(world, adapter);
  const ref = promotes ? { name } : promotedAdapterRef;
  const actions = [...(promotes ? promotion(world, adapter) : []), ...updates];
  const extras = { status: { ...status, ...(ref && { promotedAdapterRef: ref }) }, actions };
  return stateOf(world, adapter, extras, {
    state: "Ready",
    reason: "AdapterReady",
    message: settledMessage(adapter),
  });
}

/** The policy does not promote the candidate: a settled end, as long as another Adapter is promoted. */
function keep(
  world: Readable,
  { candidate, promoted }: { candidate: Adapter; promoted: Adapter | undefined },
  { reason, message }: GateAnswer & { kind: "Kept" },
): Decision {
  const { promotedAdapterRef: _, ...rest } = withOwnRun(world, candidate);
  if (promoted !== undefined) return keepPromoted(world, promoted, rest, { reason, message });
  const kind = reason === "AwaitingPromotion" ? "Waiting" : "Stalled";
  const conditions = [notPromoted({ reason, message })];
  return decisionOf(world, kind, "NotPromoted", reason, message, { status: rest, conditions });
}

interface Cause {
  reason: string;
  message: string;
}

const notPromoted = (cause: Cause): ConditionUpdate => ({ type: "Promoted", status: "False", ...cause });

/** `promoted` stays so, although it is not of the spec's settings: a settled end. */
function keepPromoted(world: Readable, promoted: Adapter, rest: FineTuneJobStatus, cause: Cause): Decision {
  const status = { ...rest, promotedAdapterRef: { name: promoted.metadata.name } };
  const conditions = [notPromoted(cause)];
  const actions = [...promotion(world, promoted), ...exportsUpdate(world, promoted)];
  return stateOf(world, promoted, { status, actions, conditions }, { state: "NotPromoted", ...cause });
}

/** The status with the candidate's run, whose reference shows a deleted Adapter. */
function withOwnRun({ job }: Readable, adapter: Adapter): FineTuneJobStatus {
  const { currentRunRef, progress, ...rest } = job.status ?? {};
  if (currentRunRef?.name !== adapter.spec.provenance.runName) return rest;
  return {
    ...rest,
    currentRunRef: { ...currentRunRef, adapterName: adapter.metadata.name },
    ...(progress && { progress }),
  };
}

const isCurrent = ({ status, metadata }: Adapter, actions: readonly Action[]) =>
  actions.length === 0 && status?.observedGeneration === metadata.generation;

/** Reports the state of the promoted Adapter, or of the one that will be; `ready` is the report of a ready one. */
function stateOf(world: Readable, adapter: Adapter, extras: Extras, ready: Cause & { state: string }): Decision {
  const { actions = [] } = extras;
  const is = findCondition(adapter.status?.conditions, "Ready");
  const stalled = findCondition(adapter.status?.conditions, "Stalled");
  const current = isCurrent(adapter, actions);
  if (current && is?.status === "True") {
    return decisionOf(world, "Ready", ready.state, ready.reason, ready.message, extras);
  }
  if (current && stalled) return decisionOf(world, "Stalled", "ExportFailed", stalled.reason, stalled.message, extras);
  const message = is?.message ?? `Adapter ${adapter.metadata.name} is being exported.`;
  return decisionOf(world, "Reconciling", "Exporting", "Exporting", message, extras);
}

/** The promoted Adapter is the one promoted last. */
function promotion({ job, adapters }: Readable, adapter: Adapter): Action[] {
  const newest = adapters.every((other) => promotedAt(other) <= promotedAt(adapter));
  const promoted =
    promotedAt(adapter) !== "" && (newest || job.status?.promotedAdapterRef?.name === adapter.metadata.name);
  return promoted ? [] : [{ kind: "promote", adapter: adapter.metadata.name }];
}

function exportsUpdate({ wanted }: Readable, adapter: Adapter): Action[] {
  const update = adapterUpdate(adapter, wanted.spec);
  return update === undefined ? [] : [{ kind: "updateAdapter", adapter, update }];
}
