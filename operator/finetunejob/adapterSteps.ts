/** The steps around Adapters: which one counts, and what is done until it is Ready. Pure. */
import { findCondition } from "../api/conditions.ts";
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { adapterUpdate, artifactRoot } from "./children.ts";
import { knownAdapter } from "./pins.ts";
import { type Readable, type Step, say } from "./say.ts";
import { settledMessage } from "./status.ts";
import type { Action, Decision } from "./world.ts";

/** A person chose: that Adapter is promoted, and nothing is trained until the choice is taken back. */
export const pinnedAdapter: Step = (world) => {
  const chosen = world.wanted.spec.promotion?.adapterRef?.name;
  if (chosen === undefined) return undefined;
  const adapter = world.adapters.find(({ metadata }) => metadata.name === chosen && !metadata.deletionTimestamp);
  if (adapter) return settle(world, adapter);
  const names = world.adapters.map(({ metadata }) => metadata.name).sort();
  const message = `spec.promotion.adapterRef: this FineTuneJob has no Adapter ${chosen}. It has: ${names.join(", ") || "none"}.`;
  return say(world, "Stalled", "Failed", "AdapterNotFound", message, { status: withoutTraining(world) });
};

/** A training under way stops when no job names its run; a run that has an Adapter is over, and says what was deleted. */
function withoutTraining({ job }: Readable): FineTuneJobStatus {
  const { currentRunRef, progress, ...rest } = job.status ?? {};
  return currentRunRef?.adapterName === undefined ? rest : { ...rest, currentRunRef, ...(progress && { progress }) };
}

/** A promoted Adapter that a person deleted stays deleted, and no other takes its place. */
export const adapterDeleted: Step = (world) => {
  const { job, currentRun, adapters, wanted, run } = world;
  const name = job.status?.currentRunRef?.adapterName;
  if (name === undefined || currentRun === undefined || wanted.request !== undefined) return undefined;
  const wantedStill = currentRun.spec.specHash === wanted.specHash || run?.metadata.uid === currentRun.metadata.uid;
  const there = adapters.some(({ metadata }) => metadata.name === name && metadata.deletionTimestamp === undefined);
  if (!wantedStill || there) return undefined;
  const { promotedAdapterRef: _, ...status } = job.status ?? {};
  const message = `Adapter ${name} was deleted. To make it again from the store, delete FineTuneRun ${currentRun.metadata.name}; it is trained anew only if the store has lost it.`;
  return say(world, "Stalled", "Deleted", "PromotedAdapterDeleted", message, { status });
};

/** This was trained before: no pod is needed. */
export const promoteKnown: Step = (world) => {
  const known = knownAdapter(world);
  return known && (adapterElsewhere(world, known) ?? settle(world, known));
};

/** It was trained into another store than is asked for now: neither promoted from there nor trained again unasked. */
function adapterElsewhere(world: Readable, { metadata, spec }: Adapter): Decision | undefined {
  const { wanted, job } = world;
  if (spec.artifactRoot === artifactRoot(wanted.spec, job.metadata.namespace ?? "")) return undefined;
  const message = `Adapter ${metadata.name} is the same, with artifacts under ${spec.artifactRoot}. Set spec.artifacts.uri to the same store, or, to train here, annotate: ${annotations.requestedAt}=$(date +%s), and then delete that Adapter and FineTuneRun ${spec.provenance.runName}.`;
  return say(world, "Stalled", "Failed", "ArtifactsElsewhere", message);
}

/** There is an Adapter for what is wanted: promote it, keep its exports as the spec says, tell how it stands. */
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
  const update = adapterUpdate(adapter, wanted.spec);
  return update === undefined ? [] : [{ kind: "updateAdapter", adapter, update }];
}
