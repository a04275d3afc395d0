/**
 * Derives the state of a FineTuneJob from its status and its pods: the text of the live view, and whether it ended. Pure.
 */
import { findCondition } from "../../operator/api/conditions.ts";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { labels } from "../../operator/api/names.ts";
import type { Pod } from "../../operator/jobs/resources.ts";
import { newest } from "../../operator/runtime/objects.ts";

export type Standing =
  | { readonly kind: "going"; readonly state: string; readonly message: string }
  /** `note`: why another Adapter than that of the spec's settings is promoted. */
  | { readonly kind: "ready"; readonly note?: string }
  /** The training is finished, no Adapter is promoted, and a person chooses; `note` says how. */
  | { readonly kind: "unpromoted"; readonly note: string }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** Ignores conditions of an older generation. */
export function standingOf(job: FineTuneJob): Standing {
  const current = job.status?.observedGeneration === job.metadata.generation;
  const conditions = job.status?.conditions;
  const stalled = findCondition(conditions, "Stalled");
  const ready = findCondition(conditions, "Ready");
  if (current && stalled?.status === "True") {
    return { kind: "failed", reason: stalled.reason, message: stalled.message };
  }
  if (current && ready?.status === "True") {
    const promoted = findCondition(conditions, "Promoted");
    return { kind: "ready", ...(promoted?.status === "False" && { note: promoted.message }) };
  }
  if (current && ready?.reason === "AwaitingPromotion") return { kind: "unpromoted", note: ready.message };
  const reconciling = findCondition(conditions, "Reconciling");
  const message = current ? (reconciling?.message ?? ready?.message ?? "") : "the operator has not observed it yet";
  return { kind: "going", state: job.status?.state ?? "Pending", message };
}

/** Does the pod belong to a stage of the job, or to its shared run? */
export function isPodOf(job: FineTuneJob): (pod: Pod) => boolean {
  const run = job.status?.currentRunRef?.name;
  const adapter = job.status?.currentRunRef?.adapterName;
  return ({ metadata }) =>
    metadata.labels?.[labels.job] === job.metadata.name ||
    (run !== undefined && metadata.labels?.[labels.run] === run) ||
    (adapter !== undefined && metadata.labels?.[labels.adapter] === adapter);
}

/** The newest pod that has not ended. */
export function activePod(pods: readonly Pod[]): Pod | undefined {
  return newest(pods.filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending"));
}
