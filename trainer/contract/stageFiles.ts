/** Builds the run files of a training's stages, for the operator, the command line and tests. Pure. */

import { effectiveSettings } from "./effective.ts";
import type { ExportEntry } from "./exports.ts";
import { importHash, prepareKey, runHash, specHash } from "./hashes.ts";
import { type Accessed, type Location, locationsOf } from "./locations.ts";
import type { PrepareFigures } from "./report.ts";
import type { CheckFile, ExportFile, Foreign, Pins, PrepareFile, TrainFile } from "./runFile.ts";
import type { TrainingSpec } from "./settings.ts";

export interface StagedJob {
  readonly spec: TrainingSpec;
  /** `<artifacts.uri>/<namespace>`. */
  readonly artifactRoot: string;
  /** Endpoints and credentials of remote stores. */
  readonly locations?: Location[];
}

export function prepareFile({ spec, artifactRoot, locations }: StagedJob): PrepareFile {
  const { baseModel, dataset, evaluation, method, training } = spec;
  const { form } = effectiveSettings(spec).dataset;
  return {
    version: 1,
    stage: "Prepare",
    artifactRoot,
    ...(locations && { locations }),
    prepareKey: prepareKey(spec),
    baseModel,
    dataset,
    ...(form !== "Examples" && { form }),
    ...(evaluation && { evaluation }),
    method,
    ...(training?.routerAuxLoss !== undefined && { routerAuxLoss: training.routerAuxLoss }),
  };
}

export function checkFile({ spec, artifactRoot, locations }: StagedJob): CheckFile {
  const { dataset, evaluation } = spec;
  return {
    version: 1,
    stage: "Check",
    artifactRoot,
    ...(locations && { locations }),
    prepareKey: prepareKey(spec),
    dataset,
    ...(evaluation && { evaluation }),
  };
}

/** The pins of a run, from prepare's result. */
export function pinsOf(prepared: PrepareFigures): Pins {
  const { baseRevision, baseDigest, datasetDigest, evaluationSetDigest, validationDigest } = prepared;
  return {
    prepareKey: prepared.prepareKey,
    baseRevision,
    baseDigest,
    datasetDigest,
    ...(evaluationSetDigest !== undefined && { evaluationSetDigest }),
    ...(validationDigest !== undefined && { validationDigest }),
  };
}

export function trainFile({ spec, artifactRoot, locations }: StagedJob, pins: Pins): TrainFile {
  return {
    version: 1,
    stage: "Train",
    artifactRoot,
    ...(locations && { locations }),
    runHash: runHash(spec, pins),
    specHash: specHash(spec),
    pins,
    spec,
  };
}

/** The source of an export: a run, its adapter, and the digests of their inputs. */
export interface ExportSource extends Pick<Pins, "baseDigest" | "evaluationSetDigest"> {
  readonly artifactRoot: string;
  readonly locations?: Location[];
  readonly runHash: string;
  readonly adapterDigest: string;
}

/** `tag`: names the artifact at the entry's registry last. */
export function exportFile(
  source: ExportSource,
  entry: ExportEntry,
  { tag }: { tag?: string | undefined } = {},
): ExportFile {
  const { artifactRoot, locations, runHash: hash, adapterDigest, baseDigest, evaluationSetDigest } = source;
  return {
    version: 1,
    stage: "Export",
    artifactRoot,
    ...(locations && { locations }),
    runHash: hash,
    adapterDigest,
    baseDigest,
    ...(evaluationSetDigest !== undefined && { evaluationSetDigest }),
    export: entry,
    ...(tag !== undefined && { tag }),
  };
}

/** An adapter that was trained elsewhere, its base, and the access to both. */
export interface ImportSource {
  readonly artifactRoot: string;
  /** The access to the artifact store. */
  readonly locations?: Location[];
  readonly adapter: Foreign & Access;
  readonly base: Foreign & Access;
}

type Access = Omit<Accessed, "uri">;

export function importedExportFile(source: ImportSource, entry: ExportEntry): ExportFile {
  const { artifactRoot, adapter, base } = source;
  const locations = [...(source.locations ?? []), ...locationsOf([adapter, base])];
  return {
    version: 1,
    stage: "Export",
    artifactRoot,
    ...(locations.length > 0 && { locations }),
    runHash: importHash(adapter, base),
    imported: { adapter: named(adapter), base: named(base) },
    export: entry,
  };
}

const named = ({ uri, revision, digest }: Foreign): Foreign => ({
  uri,
  ...(revision !== undefined && { revision }),
  ...(digest !== undefined && { digest }),
});
