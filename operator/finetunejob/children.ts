/** What a FineTuneJob makes: its prepare Job, its FineTuneRun, its Adapters. Pure; names follow from content. */
import { createHash } from "node:crypto";
import { hashVersion } from "../../trainer/contract/hashes.ts";
import { inputLocations, locationsOf, remoteScheme } from "../../trainer/contract/locations.ts";
import { effectiveMethod, resultOf } from "../../trainer/contract/methods/index.ts";
import { applied } from "../../trainer/contract/setting.ts";
import { prepareFile } from "../../trainer/contract/stageFiles.ts";
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
import { helperPlacement } from "../jobs/placement.ts";
import { renderJob } from "../jobs/render.ts";
import type { Job } from "../jobs/resources.ts";
import { apiVersionOf, type KubeObject, ownerReference } from "../runtime/objects.ts";
import { storeName } from "./pins.ts";
import type { Wanted } from "./world.ts";

export function artifactRoot(spec: FineTuneJobSpec, namespace: string): string {
  return storeLayout.root(spec.artifacts.uri, namespace);
}

/** One name for one look at one set of inputs, to be staged in one store. ≤ 40 + 14 characters. */
export function prepareName(
  job: FineTuneJob,
  { spec, prepareKey, request }: Pick<Wanted, "spec" | "prepareKey" | "request">,
): string {
  const look = createHash("sha256")
    .update(`${prepareKey}\n${request ?? ""}\n${storeName(job, spec)}`)
    .digest("hex");
  return `${job.metadata.name}-prep-${look.slice(0, 8)}`;
}

export function prepareJob(job: FineTuneJob, wanted: Wanted, trainerImage: string): Job {
  const { spec } = wanted;
  const root = artifactRoot(spec, job.metadata.namespace ?? "");
  return renderJob({
    name: prepareName(job, wanted),
    owner: job,
    labels: { [labels.job]: job.metadata.name },
    runFile: prepareFile({
      spec: withDefaults(trainingPart(spec)),
      artifactRoot: root,
      locations: [...inputLocations(spec), ...locationsOf([{ ...spec.artifacts, uri: root }])],
    }),
    claims: claimMounts({ read: inputUris(spec), write: root }),
    image: trainerImage,
    placement: helperPlacement(spec.placement, spec.helpers),
    backoffLimit: helperBackoffLimit,
    ttlSecondsAfterFinished: applied(ttlTable, spec).ttlSecondsAfterFinished,
  });
}

function inputUris({ baseModel, dataset, evaluation }: FineTuneJobSpec): string[] {
  const { validation } = dataset;
  return [
    baseModel.uri,
    ...dataset.sources.map(({ uri }) => uri),
    ...(validation?.uri === undefined ? [] : [validation.uri]),
    ...(evaluation === undefined ? [] : [evaluation.test.uri]),
  ];
}

/** The name is the mutex: the same content is never trained twice in a namespace. */
export function runName(hash: string): string {
  return `run-${hash.slice(0, 16)}`;
}

/** What a plan says of the bytes that a training writes and fetches. */
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
  { planned, ...content }: Pick<FineTuneRunSpec, "runHash" | "pins" | "trainerImage"> & { planned: PlannedBytes },
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

/** The Adapter of a finished run. It has no owner: what was learnt outlives the wish. */
export function adapterOf(
  job: FineTuneJob,
  run: FineTuneRun,
  options: { results: Results; revision: number; spec: FineTuneJobSpec },
): KubeObject & { spec: AdapterSpec } {
  const { pins, settings, artifactRoot: root, runHash, specHash, trainerImage } = run.spec;
  const { results, revision, spec } = options;
  const { evaluationSetDigest } = pins;
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
        trainerImage,
        numericsVersion: results.numericsVersion,
      },
      results,
      artifactRoot: root,
      execution: adapterExecution(spec, trainerImage),
      exports: spec.adapter?.exports ?? [],
    },
  };
}

/**
 * The whole Adapter as its FineTuneJob wants it now. With the uid, an Adapter that was deleted meanwhile stays deleted;
 * exports that others added are theirs and not in it.
 */
export function adapterWithExports(adapter: Adapter, spec: FineTuneJobSpec): KubeObject & { spec: AdapterSpec } {
  const { name, namespace = "", uid, labels: own = {} } = adapter.metadata;
  return {
    apiVersion: apiVersionOf(adapters),
    kind: adapters.kind,
    metadata: {
      name,
      namespace,
      ...(uid === undefined ? {} : { uid }),
      labels: Object.fromEntries(Object.values(labels).flatMap((label) => (own[label] ? [[label, own[label]]] : []))),
      annotations: { [annotations.jobExports]: exportNames(spec) },
    },
    spec: {
      ...adapter.spec,
      execution: adapterExecution(spec, adapter.spec.execution.trainerImage),
      exports: spec.adapter?.exports ?? [],
    },
  };
}

const exportNames = (spec: FineTuneJobSpec) => (spec.adapter?.exports ?? []).map(({ name }) => name).join(",");

export function adapterExecution(spec: FineTuneJobSpec, trainerImage: string): AdapterSpec["execution"] {
  const { ttlSecondsAfterFinished } = spec;
  return {
    trainerImage,
    placement: helperPlacement(spec.placement, spec.helpers),
    ...(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }),
    ...artifactsAccess(spec),
  };
}

export function nextRevision(existing: readonly Adapter[]): number {
  return Math.max(0, ...existing.map(({ spec }) => spec.revision)) + 1;
}
