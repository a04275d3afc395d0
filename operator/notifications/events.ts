/**
 * The events of a FineTuneJob that its users are told of, as CloudEvents: it is ready, it has stalled, an Adapter was promoted,
 * or an Adapter waits for a person. Pure, and derived from the objects alone, so that a restarted operator derives the same
 * events with the same ids: a receiver that remembers ids handles each once.
 */
import { createHash } from "node:crypto";
import { findCondition } from "../api/conditions.ts";
import { type Adapter, type FineTuneJob, fineTuneJobs } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { pathOf } from "../runtime/objects.ts";

export type EventType = "ready" | "stalled" | "promoted" | "awaiting-promotion";

/** CloudEvents 1.0, in structured mode. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: `dev.luthier.finetunejob.${EventType}`;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: EventData;
}

export interface EventData {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  /** The promoted Adapter, or the one that waits; with its figures, without its curves. */
  readonly adapter?: {
    readonly name: string;
    readonly revision: number;
    readonly uri: string;
    readonly results?: object;
  };
}

export interface Notice {
  readonly type: EventType;
  readonly event: CloudEvent;
}

/** The events that the job's present status tells of; none while the operator has not observed the last edit. */
export function noticesOf(job: FineTuneJob, adapters: readonly Adapter[]): Notice[] {
  const { metadata, status = {} } = job;
  if (status.observedGeneration !== metadata.generation || metadata.deletionTimestamp !== undefined) return [];
  const ready = findCondition(status.conditions, "Ready");
  const stalled = findCondition(status.conditions, "Stalled");
  const named = (name: string | undefined) => adapters.find((one) => one.metadata.name === name);
  const promoted = named(status.promotedAdapterRef?.name);
  const candidate = named(status.currentRunRef?.adapterName);
  const promotedAt = promoted?.metadata.annotations?.[annotations.promotedAt];
  const candidateAt = candidate?.metadata.creationTimestamp;
  return [
    ...(ready?.status === "True" ? [notice(job, "ready", ready.lastTransitionTime, promoted)] : []),
    ...(stalled?.status === "True" ? [notice(job, "stalled", stalled.lastTransitionTime, promoted)] : []),
    ...(promoted !== undefined && promotedAt !== undefined ? [notice(job, "promoted", promotedAt, promoted)] : []),
    ...(ready?.reason === "AwaitingPromotion" && candidateAt !== undefined
      ? [notice(job, "awaiting-promotion", candidateAt, candidate)]
      : []),
  ];
}

function notice(
  { metadata, status }: FineTuneJob,
  type: EventType,
  time: string,
  adapter: Adapter | undefined,
): Notice {
  const { namespace = "", name, uid = "", generation = 0 } = metadata;
  const { reason = "", message = "" } = findCondition(status?.conditions, "Ready") ?? {};
  const identity = [uid, type, time, type === "stalled" ? reason : (adapter?.metadata.name ?? "")];
  return {
    type,
    event: {
      specversion: "1.0",
      id: `msg_${createHash("sha256").update(identity.join("\n")).digest("hex").slice(0, 32)}`,
      source: pathOf(fineTuneJobs, { namespace, name }),
      type: `dev.luthier.finetunejob.${type}`,
      subject: `${namespace}/${name}`,
      time,
      datacontenttype: "application/json",
      data: {
        ...{ namespace, name, uid, generation, state: status?.state ?? "", reason, message },
        ...(adapter === undefined ? {} : { adapter: adapterData(adapter) }),
      },
    },
  };
}

function adapterData({ metadata, spec }: Adapter): NonNullable<EventData["adapter"]> {
  const { curves: _, ...results } = spec.results ?? {};
  return {
    ...{ name: metadata.name, revision: spec.revision, uri: spec.source.uri },
    ...(spec.results === undefined ? {} : { results }),
  };
}
