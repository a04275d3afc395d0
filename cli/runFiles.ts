/** What each stage of a job is told, as the operator would tell its pod. Pure. */
import { prepareKey, runHash, specHash } from "../trainer/contract/hashes.ts";
import type { PrepareFigures, TrainFigures } from "../trainer/contract/report.ts";
import type { ExportFile, Pins, PrepareFile, TrainFile } from "../trainer/contract/runFile.ts";
import type { ExportEntry, TrainingSpec } from "../trainer/contract/settings.ts";

export interface LocalJob {
  readonly spec: TrainingSpec;
  /** `<artifacts.uri>/<namespace>`. */
  readonly artifactRoot: string;
}

export function prepareFile({ spec, artifactRoot }: LocalJob): PrepareFile {
  const { baseModel, dataset, evaluation } = spec;
  return {
    version: 1,
    stage: "Prepare",
    artifactRoot,
    prepareKey: prepareKey(spec),
    baseModel,
    dataset,
    ...(evaluation && { evaluation }),
  };
}

export function trainFile({ spec, artifactRoot }: LocalJob, prepared: PrepareFigures): TrainFile {
  const pins: Pins = {
    prepareKey: prepareKey(spec),
    baseRevision: prepared.baseRevision,
    baseDigest: prepared.baseDigest,
    datasetDigest: prepared.datasetDigest,
    ...(prepared.evaluationSetDigest !== undefined && { evaluationSetDigest: prepared.evaluationSetDigest }),
  };
  return {
    version: 1,
    stage: "Train",
    artifactRoot,
    runHash: runHash(spec, pins),
    specHash: specHash(spec),
    pins,
    spec,
  };
}

export function exportFile(
  { artifactRoot }: LocalJob,
  { runHash: hash, pins }: TrainFile,
  train: TrainFigures,
  entry: ExportEntry,
): ExportFile {
  return {
    version: 1,
    stage: "Export",
    artifactRoot,
    runHash: hash,
    adapterDigest: train.adapterDigest,
    baseDigest: pins.baseDigest,
    ...(pins.evaluationSetDigest !== undefined && { evaluationSetDigest: pins.evaluationSetDigest }),
    export: entry,
  };
}
