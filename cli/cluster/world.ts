/**
 * What a FineTuneJob and its pods say about how it stands. Pure: the words of the live view and whether it is over.
 */
import { findCondition } from "../../operator/api/conditions.ts";
import type { FineTuneJob } from "../../operator/api/kinds.ts";
import { labels } from "../../operator/api/names.ts";
import type { Pod } from "../../operator/jobs/resources.ts";

export type Standing =
  | { readonly kind: "going"; readonly state: string; readonly message: string }
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** A condition that speaks of an older generation says nothing about this one. */
export function standingOf(job: FineTuneJob): Standing {
  const current = job.status?.observedGeneration === job.metadata.generation;
  const conditions = job.status?.conditions;
  const stalled = findCondition(conditions, "Stalled");
  const ready = findCondition(conditions, "Ready");
  if (current && stalled?.status === "True") {
    return { kind: "failed", reason: stalled.reason, message: stalled.message };
  }
  if (current && ready?.status === "True") return { kind: "ready" };
  const reconciling = findCondition(conditions, "Reconciling");
  const message = current ? (reconciling?.message ?? ready?.message ?? "") : "the operator has not seen it yet";
  return { kind: "going", state: job.status?.state ?? "Pending", message };
}

/** The pod that works for the job now: of its own stages or of the run it shares; the newest that has not ended. */
export function activePod(job: FineTuneJob, pods: readonly Pod[]): Pod | undefined {
  const run = job.status?.currentRunRef?.name;
  const adapter = job.status?.currentRunRef?.adapterName;
  const its = ({ metadata }: Pod) =>
    metadata.labels?.[labels.job] === job.metadata.name ||
    (run !== undefined && metadata.labels?.[labels.run] === run) ||
    (adapter !== undefined && metadata.labels?.[labels.adapter] === adapter);
  return pods
    .filter(its)
    .filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending")
    .sort((a, b) => (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""))
    .at(-1);
}
