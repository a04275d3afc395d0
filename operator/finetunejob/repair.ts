/**
 * A FineTuneJob's status can be lost or altered: by a restore, by a person. What other objects show to be otherwise is
 * repaired from them before anything is decided. Pure.
 */
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import { currentAttempt } from "../finetunerun/attempts.ts";
import { endOf } from "../finetunerun/repair.ts";
import { adapterName } from "./children.ts";
import { sameJson } from "./sameJson.ts";

/** Of the runs that a job owns the newest one of the wanted settings that is under way: its status should name it. */
export function runUnderWay(owned: readonly FineTuneRun[], specHash: string | undefined): FineTuneRun | undefined {
  return owned
    .filter(({ spec, status }) => spec.specHash === specHash && currentAttempt(status) !== undefined)
    .sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1))[0];
}

/** The job with its run named, and without an Adapter that its run cannot have made. A run that is not known is left named. */
export function withCurrentRun(job: FineTuneJob, run: FineTuneRun | undefined): FineTuneJob {
  const { currentRunRef: ref, ...rest } = job.status ?? {};
  if (run === undefined) return job;
  const { name, uid = "" } = run.metadata;
  const made = adapterName(job, run.spec.runHash);
  const has = endOf(run.status ?? {}) === "Succeeded" && ref?.adapterName === made;
  if (ref?.uid === uid && ref.adapterName === (has ? made : undefined)) return job;
  return { ...job, status: { ...rest, currentRunRef: { name, uid, ...(has ? { adapterName: made } : {}) } } };
}

/** The job without a promoted Adapter that does not exist. */
export function withPromoted(job: FineTuneJob, adapters: readonly Adapter[]): FineTuneJob {
  const { promotedAdapterRef: promoted, ...status }: FineTuneJobStatus = job.status ?? {};
  if (promoted === undefined || adapters.some(({ metadata }) => metadata.name === promoted.name)) return job;
  return { ...job, status };
}

/**
 * The job with the pins of the run that trains its settings: while that goes on no newer look at the inputs is taken, so
 * that other pins of the same inputs are wrong.
 */
export function withPinsOf(
  job: FineTuneJob,
  run: FineTuneRun | undefined,
  wanted: { specHash: string; prepareKey: string },
): FineTuneJob {
  const { pins, ...status } = job.status ?? {};
  if (run === undefined || currentAttempt(run.status) === undefined || run.spec.specHash !== wanted.specHash)
    return job;
  if (pins?.prepareKey !== wanted.prepareKey || pins.prepareKey !== run.spec.pins.prepareKey) return job;
  const { store } = pins;
  const right = { ...run.spec.pins, ...(store === undefined ? {} : { store }) };
  return sameJson(pins, right) ? job : { ...job, status: { ...status, pins: right } };
}
