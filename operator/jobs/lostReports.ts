/**
 * Reports that cannot be read, of Jobs that completed. Pure. A Job whose words are lost is made again, since it finds what
 * it wrote; but words that are lost each time (a trainer's image of another release, say) are not asked for for ever.
 */

import type { Job } from "./resources.ts";

export const reportLost = "ReportLost";

/** Crashes after which a prepare or export Job has failed. */
export const helperBackoffLimit = 3;

/** With `job` among them: once, however often it is seen. */
export function withLostReport(lost: readonly string[] | undefined, job: Job | undefined): string[] {
  const { uid = "" } = job?.metadata ?? {};
  return [...new Set([...(lost ?? []), uid])];
}

export const isHopeless = (lost: readonly string[]) => lost.length > helperBackoffLimit;

export function hopelessMessage(lost: readonly string[], trainerImage: string): string {
  return `${lost.length} Jobs completed and none left a report that this operator can read. Is trainer image ${trainerImage} of the operator's release?`;
}
