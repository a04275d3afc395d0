/**
 * Unreadable reports of completed Jobs. Pure. The operator recreates a Job whose report is lost, because it finds the files
 * that it wrote; if the report is lost each time (by a trainer image of another release, for example), the operator gives up.
 */

import type { Job } from "./resources.ts";

export const reportLost = "ReportLost";

/** Crashes after which a prepare or export Job has failed. */
export const helperBackoffLimit = 3;

/** Adds `job`, once, however often it is observed. */
export function withLostReport(lost: readonly string[] | undefined, job: Job | undefined): string[] {
  const { uid = "" } = job?.metadata ?? {};
  return [...new Set([...(lost ?? []), uid])];
}

export const isHopeless = (lost: readonly string[]) => lost.length > helperBackoffLimit;

export function hopelessMessage(lost: readonly string[], trainerImage: string): string {
  return `${lost.length} Jobs completed, but none left a report that this operator can read. Check that trainer image ${trainerImage} is of the operator's release.`;
}
