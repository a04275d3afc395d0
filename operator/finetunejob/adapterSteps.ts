/** The steps that choose the promoted Adapter and bring it to Ready. Pure. */
import { findCondition } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { adapterUpdate, artifactRoot } from "./children.ts";
import { decisionOf, type Readable, type Step } from "./decision.ts";
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

/** A promoted Adapter that a person deleted stays deleted; the operator promotes no other in its place. */
export const adapterDeleted: Step = (world) => {
  const { job, currentRun, adapters, wanted, run } = world;
  const name = job.status?.currentRunRef?.adapterName;
  if (name === undefined || currentRun === undefined || wanted.request !== undefined) return undefined;
  const wantedStill = currentRun.spec.specHash === wanted.specHash || run?.metadata.uid === currentRun.metadata.uid;
  const there = adapters.some(({ metadata }) => metadata.name === name && metadata.deletionTimestamp === undefined);
  if (!wantedStill || there) return undefined;
  const { promotedAdapterRef: _, ...status } = job.status ?? {};
  const message = `Adapter ${name} was deleted. To recreate it from the store, delete FineTuneRun ${currentRun.metadata.name}; the operator trains again only if the adapter is missing in the store.`;
  return decisionOf(world, "Stalled", "Deleted", "PromotedAdapterDeleted", message, { status });
};

/** These settings were trained before: promote their Adapter without a pod. */
export const promoteKnown: Step = (world) => {
  const known = knownAdapter(world);
  return known && (adapterElsewhere(world, known) ?? settle(world, known));
};

/** The Adapter is in another store than the spec's: it is neither promoted nor trained again without a request. */
function adapterElsewhere(world: Readable, { metadata, spec }: Adapter): Decision | undefined {
  const { wanted, job } = world;
  if (spec.artifactRoot === artifactRoot(wanted.spec, job.metadata.namespace ?? "")) return undefined;
  const message = `Adapter ${metadata.name} has the same settings, with artifacts under ${spec.artifactRoot}. Set spec.artifacts.uri to the same store, or, to train here, annotate: ${annotations.requestedAt}=$(date +%s), and then delete that Adapter and FineTuneRun ${spec.provenance.runName}.`;
  return decisionOf(world, "Stalled", "Failed", "ArtifactsElsewhere", message);
}

/** The wanted settings have an Adapter: promote it, update its exports to the spec, and report its state. */
export function settle(world: Readable, adapter: Adapter): Decision {
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
    return decisionOf(world, "Ready", "Ready", "AdapterReady", settledMessage(adapter), options);
  }
  if (current && stalled) return decisionOf(world, "Stalled", "ExportFailed", stalled.reason, stalled.message, options);
  return decisionOf(
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
  const update = adapterUpdate(adapter, wanted.spec);
  return update === undefined ? [] : [{ kind: "updateAdapter", adapter, update }];
}
