/** From what prepare reported to pins and facts in status, and back for the planner. Pure. */

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

/** The figures of a successful envelope about these very inputs; undefined otherwise. */
export function prepareFiguresOf(envelope: Envelope | undefined, prepareKey: string): PrepareFigures | undefined {
  if (envelope?.stage !== "Prepare" || envelope.outcome !== "Succeeded") return undefined;
  return envelope.figures?.prepareKey === prepareKey ? envelope.figures : undefined;
}

export function inputsOf({ model, baseDataType, baseBytes, quantized, dataset }: PrepareFigures): Inputs {
  return {
    model: { ...model, ropeTheta: String(model.ropeTheta), rmsNormEps: String(model.rmsNormEps) },
    baseDataType,
    baseBytes,
    ...(quantized === undefined ? {} : { quantized }),
    dataset,
  };
}

export function modelOf({ model }: Inputs): ModelConfig {
  return { ...model, ropeTheta: Number(model.ropeTheta), rmsNormEps: Number(model.rmsNormEps) };
}

/** Characters of a request that count: as many as a status keeps. */
const longestRequest = 64;

/** The look at the inputs that a person asks for and that was not done yet. */
export function askedLook({ metadata, status }: FineTuneJob): string | undefined {
  const asked = metadata.annotations?.[annotations.requestedAt];
  const counts = asked === undefined ? undefined : cut(asked, longestRequest);
  return counts === status?.handledRequest ? undefined : counts;
}

/**
 * The look to do now. It waits for a run of these very settings until that has failed or has its Adapter: data that move
 * faster than a run lasts starve none. However often it is asked for meanwhile, it is done once.
 */
export function dueLook(job: FineTuneJob, currentRun: FineTuneRun | undefined, specHash: string): string | undefined {
  return currentRun?.spec.specHash === specHash && !isOver(job, currentRun) ? undefined : askedLook(job);
}

function isOver({ status }: FineTuneJob, run: FineTuneRun): boolean {
  const end = endOf(run.status ?? {});
  return end === "Failed" || (end === "Succeeded" && status?.currentRunRef?.adapterName !== undefined);
}

/** Are the inputs of the wanted spec pinned, in the store that it names, with no newer look asked for? */
export function currentPins(
  job: Pick<FineTuneJob, "metadata" | "status">,
  { spec, prepareKey, request }: Pick<Wanted, "spec" | "prepareKey" | "request">,
): { pins: Pins; inputs: Inputs } | undefined {
  const { pins: staged, inputs } = job.status ?? {};
  if (staged?.prepareKey !== prepareKey || inputs === undefined || request !== undefined) return undefined;
  // Pins of a release that did not record their store are taken to be in the one that is named.
  const { store = storeName(job, spec), ...pins } = staged;
  return store === storeName(job, spec) ? { pins, inputs } : undefined;
}

/** Tells artifact stores apart: the same URI at another endpoint is another store. */
export function storeName({ metadata }: Pick<FineTuneJob, "metadata">, { artifacts }: FineTuneJobSpec): string {
  const root = storeLayout.root(artifacts.uri, metadata.namespace ?? "");
  return artifacts.endpoint === undefined ? root : `${root} at ${artifacts.endpoint}`;
}

/**
 * The newest Adapter of what is wanted. While the inputs are pinned it must be of those very inputs; without pins (a
 * restored job, or one whose inputs were edited back) its settings, with where their inputs are named, are enough.
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
  // Newer data of the same settings are being trained on: only the pins are lost.
  const trains = currentRun?.spec.specHash === wanted.specHash && currentAttempt(currentRun.status) !== undefined;
  if (runHash === undefined && trains) return undefined;
  return adapters
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ spec: { provenance } }) =>
      runHash === undefined ? provenance.specHash === wanted.specHash : provenance.runHash === runHash,
    )
    .sort((a, b) => b.spec.revision - a.spec.revision)[0];
}
