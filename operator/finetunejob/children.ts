/** The objects that a FineTuneJob creates: prepare Job, FineTuneRun, Adapters. Pure; names derive from content. */
import { createHash } from "node:crypto";
import { canonicalJson, hashVersion, validationLossDigest } from "../../trainer/contract/hashes.ts";
import { inputLocations, locationsOf, remoteScheme } from "../../trainer/contract/locations.ts";
import { canonicalMethod, effectiveMethod, givenSources, resultOf } from "../../trainer/contract/methods/index.ts";
import { applied } from "../../trainer/contract/setting.ts";
import type { TrainingSpec } from "../../trainer/contract/settings.ts";
import { checkFile, prepareFile } from "../../trainer/contract/stageFiles.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import { trainingPart, withDefaults } from "../../trainer/contract/writtenOut.ts";
import type { AdapterSpec } from "../api/adapter.ts";
import type { Results } from "../api/common.ts";
import type { FineTuneJobSpec, PlanStatus } from "../api/fineTuneJob.ts";
import type { FineTuneRunSpec } from "../api/fineTuneRun.ts";
import { ttlTable } from "../api/jobLife.ts";
import { type Adapter, adapters, type FineTuneJob, type FineTuneRun, fineTuneRuns } from "../api/kinds.ts";
import { annotations, labels, managedBy } from "../api/names.ts";
import { claimMounts } from "../jobs/claims.ts";
import { helperBackoffLimit } from "../jobs/lostReports.ts";
import { helperPlacement, withRequests } from "../jobs/placement.ts";
import { renderJob } from "../jobs/render.ts";
import type { Job } from "../jobs/resources.ts";
import { apiVersionOf, type KubeObject, ownerReference } from "../runtime/objects.ts";
import { storeName } from "./pins.ts";
import { sameJson } from "./sameJson.ts";
import type { AdapterUpdate, Wanted, World } from "./world.ts";

export function artifactRoot(spec: FineTuneJobSpec, namespace: string): string {
  return storeLayout.root(spec.artifacts.uri, namespace);
}

/** Names the prepare Job by its inputs, the settings that its base must fit, its request and its store. ≤ 40 + 14 characters. */
export function prepareName(
  job: FineTuneJob,
  { spec, prepareKey, request }: Pick<Wanted, "spec" | "prepareKey" | "request">,
): string {
  const look = createHash("sha256")
    .update(`${prepareKey}\n${request ?? ""}\n${storeName(job, spec)}\n${fitKey(spec)}`)
    .digest("hex");
  return `${job.metadata.name}-prep-${look.slice(0, 8)}`;
}

/** The settings of the training that the base must fit: they refuse it, and change no byte of what is prepared. */
const fitKey = ({ method, training }: FineTuneJobSpec): string =>
  canonicalJson([canonicalMethod(effectiveMethod(method)), training?.routerAuxLoss ?? "0"]);

/** Names the Job of a check by its inputs, its store and the look before it. ≤ 40 + 13 characters. */
export function checkName(job: FineTuneJob, { spec, prepareKey }: Pick<Wanted, "spec" | "prepareKey">): string {
  const { dataCheck, checkedAt } = job.status ?? {};
  const before = dataCheck?.scheduledAt ?? checkedAt ?? "";
  const look = createHash("sha256")
    .update(`${prepareKey}\n${before}\n${storeName(job, spec)}`)
    .digest("hex");
  return `${job.metadata.name}-chk-${look.slice(0, 8)}`;
}

/** The image and the settings of the pod. */
type Trainer = Pick<World, "trainerImage" | "pods">;

export function prepareJob(job: FineTuneJob, wanted: Wanted, trainer: Trainer): Job {
  const inputs = inputLocations(wanted.spec, givenSources(wanted.spec.method));
  return inputJob(job, wanted.spec, trainer, { name: prepareName(job, wanted), fileOf: prepareFile, inputs });
}

/** A Job that compares the files of the data with those that prepare read. */
export function checkJob(job: FineTuneJob, wanted: Wanted, trainer: Trainer): Job {
  const inputs = inputLocations(wanted.spec);
  return inputJob(job, wanted.spec, trainer, { name: checkName(job, wanted), fileOf: checkFile, inputs });
}

interface InputStage {
  readonly name: string;
  readonly fileOf: typeof prepareFile | typeof checkFile;
  readonly inputs: ReturnType<typeof inputLocations>;
}

/** A helper Job that reads the inputs and writes to the store. */
function inputJob(
  job: FineTuneJob,
  spec: FineTuneJobSpec,
  trainer: Trainer,
  { name, fileOf, inputs }: InputStage,
): Job {
  const root = artifactRoot(spec, job.metadata.namespace ?? "");
  return renderJob({
    name,
    owner: job,
    labels: { [labels.job]: job.metadata.name },
    runFile: fileOf({
      spec: withDefaults(trainingPart(spec)),
      artifactRoot: root,
      locations: [...inputs, ...locationsOf([{ ...spec.artifacts, uri: root }])],
    }),
    claims: claimMounts({ read: inputUris(spec), write: root }),
    image: trainer.trainerImage,
    pods: trainer.pods,
    placement: withRequests(helperPlacement(spec.placement, spec.helpers)),
    backoffLimit: helperBackoffLimit,
    ttlSecondsAfterFinished: applied(ttlTable, spec).ttlSecondsAfterFinished,
  });
}

function inputUris({ baseModel, dataset, evaluation, method }: FineTuneJobSpec): string[] {
  const { validation, chatTemplate } = dataset;
  return [
    baseModel.uri,
    ...dataset.sources.map(({ uri }) => uri),
    ...givenSources(method).map(({ uri }) => uri),
    ...(chatTemplate?.uri === undefined ? [] : [chatTemplate.uri]),
    ...(validation?.uri === undefined ? [] : [validation.uri]),
    ...(evaluation === undefined ? [] : [evaluation.test.uri]),
  ];
}

/** The name is the mutex: a namespace never trains the same content twice. */
export function runName(hash: string): string {
  return `run-${hash.slice(0, 16)}`;
}

/** The planned bytes that a training writes and fetches. */
export type PlannedBytes = Partial<Pick<PlanStatus, "checkpointBytes" | "stagedBytes">>;

export function executionOf(
  spec: FineTuneJobSpec,
  { checkpointBytes, stagedBytes }: PlannedBytes,
): FineTuneRunSpec["execution"] {
  const { placement, activeDeadlineSeconds, backoffLimit, ttlSecondsAfterFinished } = spec;
  return {
    placement,
    ...(activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds }),
    ...(backoffLimit === undefined ? {} : { backoffLimit }),
    ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    ...artifactsAccess(spec),
    ...(stagedBytes === undefined || remoteScheme(spec.artifacts.uri) === undefined
      ? {}
      : { scratchBytes: stagedBytes }),
    ...(checkpointBytes === undefined ? {} : { checkpointBytes }),
  };
}

function artifactsAccess({ artifacts: { uri: _, ...access } }: FineTuneJobSpec) {
  return Object.keys(access).length === 0 ? {} : { artifacts: access };
}

export function fineTuneRun(
  job: FineTuneJob,
  { spec, specHash }: Wanted,
  { planned, ...content }: Pick<FineTuneRunSpec, "runHash" | "pins"> & { planned: PlannedBytes },
): KubeObject & { spec: FineTuneRunSpec } {
  const { namespace = "" } = job.metadata;
  return {
    apiVersion: apiVersionOf(fineTuneRuns),
    kind: fineTuneRuns.kind,
    metadata: {
      name: runName(content.runHash),
      namespace,
      labels: { [labels.managedBy]: managedBy, [labels.specHash]: specHash.slice(0, 16) },
      ownerReferences: [ownerReference(job, { controller: false })],
    },
    spec: {
      ...content,
      specHash,
      hashVersion,
      settings: withDefaults(trainingPart(spec)),
      artifactRoot: artifactRoot(spec, namespace),
      execution: executionOf(spec, planned),
    },
  };
}

/** ≤ 40 + 9 characters. */
export function adapterName(job: FineTuneJob, hash: string): string {
  return `${job.metadata.name}-${hash.slice(0, 8)}`;
}

/** The Adapter of a finished run. It has no owner, so it outlives the FineTuneJob. */
export function adapterOf(
  job: FineTuneJob,
  run: FineTuneRun,
  options: { results: Results; revision: number; spec: FineTuneJobSpec; trainerImage: string },
): KubeObject & { spec: AdapterSpec } {
  const { pins, settings, artifactRoot: root, runHash, specHash } = run.spec;
  const { results, revision, spec, trainerImage } = options;
  const { evaluationSetDigest, validationDigest } = pins;
  return {
    apiVersion: apiVersionOf(adapters),
    kind: adapters.kind,
    metadata: {
      name: adapterName(job, runHash),
      namespace: job.metadata.namespace ?? "",
      labels: {
        [labels.managedBy]: managedBy,
        [labels.job]: job.metadata.name,
        [labels.run]: run.metadata.name,
        [labels.specHash]: specHash.slice(0, 16),
      },
      annotations: { [annotations.jobExports]: exportNames(spec) },
    },
    spec: {
      revision,
      format: resultOf(effectiveMethod(settings.method)) === "Model" ? "Full" : "PEFT",
      baseModel: { uri: settings.baseModel.uri, revision: pins.baseRevision, digest: pins.baseDigest },
      source: { uri: storeLayout.adapter(storeLayout.run(root, runHash)), digest: results.adapterDigest },
      provenance: {
        runName: run.metadata.name,
        runHash,
        specHash,
        hashVersion: run.spec.hashVersion,
        prepareKey: pins.prepareKey,
        baseDigest: pins.baseDigest,
        datasetDigest: pins.datasetDigest,
        ...(evaluationSetDigest === undefined ? {} : { evaluationSetDigest }),
        ...(validationDigest === undefined
          ? {}
          : { validationDigest: validationLossDigest(settings, validationDigest) }),
        ...evaluationSetupOf(settings),
        trainerImage,
        numericsVersion: results.numericsVersion,
      },
      results,
      artifactRoot: root,
      execution: adapterExecution(spec),
      exports: spec.adapter?.exports ?? [],
    },
  };
}

/** How the metrics were measured, if others than ExactMatch were; `settings` have their defaults. */
function evaluationSetupOf({ evaluation }: TrainingSpec): Pick<AdapterSpec["provenance"], "evaluation"> {
  if (evaluation === undefined || evaluation.metrics.every((name) => name === "ExactMatch")) return {};
  const { maxNewTokens, pattern } = evaluation;
  return {
    evaluation: { ...(maxNewTokens !== undefined && { maxNewTokens }), ...(pattern !== undefined && { pattern }) },
  };
}

/** The update that brings an Adapter to its FineTuneJob's spec; undefined when none is needed. Exports of others stay. */
export function adapterUpdate({ metadata, spec: is }: Adapter, spec: FineTuneJobSpec): AdapterUpdate | undefined {
  const own = (metadata.annotations?.[annotations.jobExports] ?? "").split(",");
  const wanted = spec.adapter?.exports ?? [];
  const others = (is.exports ?? []).filter(
    ({ name }) => !own.includes(name) && !wanted.some((entry) => entry.name === name),
  );
  const update = { exports: [...others, ...wanted], execution: adapterExecution(spec), names: exportNames(spec) };
  const same = sameJson(byName(is.exports ?? []), byName(update.exports)) && sameJson(is.execution, update.execution);
  return same && own.join(",") === update.names ? undefined : update;
}

const byName = <T extends { name: string }>(entries: readonly T[]) =>
  [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));

const exportNames = (spec: FineTuneJobSpec) => (spec.adapter?.exports ?? []).map(({ name }) => name).join(",");

export function adapterExecution(spec: FineTuneJobSpec): AdapterSpec["execution"] {
  const { ttlSecondsAfterFinished } = spec;
  return {
    placement: helperPlacement(spec.placement, spec.helpers),
    ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    ...artifactsAccess(spec),
  };
}

export function nextRevision(existing: readonly Adapter[]): number {
  return Math.max(0, ...existing.map(({ spec }) => spec.revision)) + 1;
}
