/**
 * Repairs a FineTuneJob's status from other objects before the decision: a restore or a person may lose or alter it. Pure.
 */
import type { FineTuneJobStatus } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import { currentAttempt } from "../finetunerun/attempts.ts";
import { endOf } from "../finetunerun/repair.ts";
import { newest } from "../runtime/objects.ts";
import { adapterName } from "./children.ts";
import { sameJson } from "./sameJson.ts";

/** The newest active run of the wanted settings that the job owns: its status should name that run. */
export function runUnderWay(owned: readonly FineTuneRun[], specHash: string | undefined): FineTuneRun | undefined {
  return newest(owned.filter(({ spec, status }) => spec.specHash === specHash && currentAttempt(status) !== undefined));
}

/** The job with its run named, and without an Adapter that this run cannot have created. An unknown run stays named. */
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
 * The job with the pins of the run that trains its settings. The inputs are not read again during that run, so other pins
 * of the same inputs are wrong.
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
