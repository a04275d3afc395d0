/** Converts prepare's report to pins and facts in status, and back for the planner. Pure. */

import type { ModelConfig } from "../../trainer/contract/model.ts";
import type { Envelope, PrepareFigures } from "../../trainer/contract/report.ts";
import type { Pins } from "../../trainer/contract/runFile.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import { cut } from "../api/common.ts";
import type { FineTuneJobSpec, Inputs } from "../api/fineTuneJob.ts";
import type { Adapter, FineTuneJob, FineTuneRun } from "../api/kinds.ts";
import { annotations } from "../api/names.ts";
import { currentAttempt } from "../finetunerun/attempts.ts";
import { endOf } from "../finetunerun/repair.ts";
import type { Wanted } from "./world.ts";

/** The figures of a successful envelope about these same inputs; undefined otherwise. */
export function prepareFiguresOf(envelope: Envelope | undefined, prepareKey: string): PrepareFigures | undefined {
  if (envelope?.stage !== "Prepare" || envelope.outcome !== "Succeeded") return undefined;
  return envelope.figures?.prepareKey === prepareKey ? envelope.figures : undefined;
}

export function inputsOf({ model, baseDataType, baseBytes, quantized, ggufRefusal, dataset }: PrepareFigures): Inputs {
  return {
    model: { ...model, ropeTheta: String(model.ropeTheta), rmsNormEps: String(model.rmsNormEps) },
    baseDataType,
    baseBytes,
    ...(quantized === undefined ? {} : { quantized }),
    ...(ggufRefusal === undefined ? {} : { ggufRefusal }),
    dataset,
  };
}

export function modelOf({ model }: Inputs): ModelConfig {
  return { ...model, ropeTheta: Number(model.ropeTheta), rmsNormEps: Number(model.rmsNormEps) };
}

/** Characters of a request that the status keeps; the rest does not count. */
const longestRequest = 64;

/** The user's request to read the inputs again, if it is not handled yet. */
export function askedByUser({ metadata, status }: FineTuneJob): string | undefined {
  const asked = metadata.annotations?.[annotations.requestedAt];
  const counts = asked === undefined ? undefined : cut(asked, longestRequest);
  return counts === status?.handledRequest ? undefined : counts;
}

/** The request to read the inputs again: the user's, that of a check of the data which found a change, or both as one. */
export function askedLook(job: FineTuneJob): string | undefined {
  const asked = [job.status?.dataCheck?.pending, askedByUser(job)].filter((one) => one !== undefined);
  return asked.length === 0 ? undefined : cut(asked.join(" "), longestRequest);
}

/**
 * The refresh request to handle now. It waits until a run of these same settings has failed or has its Adapter, so that
 * fast-changing data cannot starve a running training. Several requests in the meantime count as one.
 */
export function dueLook(job: FineTuneJob, currentRun: FineTuneRun | undefined, specHash: string): string | undefined {
  return trains(job, currentRun, specHash) ? undefined : askedLook(job);
}

/** Does a run of these same settings still train, or lack its Adapter? */
export const trains = (job: FineTuneJob, currentRun: FineTuneRun | undefined, specHash: string): boolean =>
  currentRun?.spec.specHash === specHash && !isOver(job, currentRun);

function isOver({ status }: FineTuneJob, run: FineTuneRun): boolean {
  const end = endOf(run.status ?? {});
  return end === "Failed" || (end === "Succeeded" && status?.currentRunRef?.adapterName !== undefined);
}

/** The pins of the wanted spec's inputs, if they are in its store and no newer refresh is requested. */
export function currentPins(
  job: Pick<FineTuneJob, "metadata" | "status">,
  { spec, prepareKey, request }: Pick<Wanted, "spec" | "prepareKey" | "request">,
): { pins: Pins; inputs: Inputs } | undefined {
  const { pins: staged, inputs } = job.status ?? {};
  if (staged?.prepareKey !== prepareKey || inputs === undefined || request !== undefined) return undefined;
  // Pins of a release that did not record their store are assumed to be in the spec's.
  const { store = storeName(job, spec), ...pins } = staged;
  return store === storeName(job, spec) ? { pins, inputs } : undefined;
}

/** Distinguishes artifact stores: the same URI at another endpoint is another store. */
export function storeName({ metadata }: Pick<FineTuneJob, "metadata">, { artifacts }: FineTuneJobSpec): string {
  const root = storeLayout.root(artifacts.uri, metadata.namespace ?? "");
  return artifacts.endpoint === undefined ? root : `${root} at ${artifacts.endpoint}`;
}

/**
 * The newest Adapter of the wanted settings. While the inputs are pinned, it must be of those same inputs; without pins (a
 * restored job, or one whose inputs were edited back) equal settings and input URIs are enough.
 */
export function knownAdapter({
  wanted,
  runHash,
  adapters,
  currentRun,
}: {
  wanted: Pick<Wanted, "specHash" | "request">;
  runHash: string | undefined;
  adapters: readonly Adapter[];
  currentRun: FineTuneRun | undefined;
}): Adapter | undefined {
  if (wanted.request !== undefined) return undefined;
  // A run trains the same settings on newer data: only the pins are lost.
  const trains = currentRun?.spec.specHash === wanted.specHash && currentAttempt(currentRun.status) !== undefined;
  if (runHash === undefined && trains) return undefined;
  return adapters
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ spec: { provenance } }) =>
      runHash === undefined ? provenance.specHash === wanted.specHash : provenance.runHash === runHash,
    )
    .sort((a, b) => b.spec.revision - a.spec.revision)[0];
}
