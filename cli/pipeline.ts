/**
 * The road of a job without a cluster: prepare → train → export, each by the function that the pod of that stage runs,
 * one after another in this process. What is done already is found in the artifact store and not done again.
 */
import { prepareKey, runHash, specHash } from "../trainer/contract/hashes.ts";
import type { ExportFigures, PrepareFigures, TrainFigures } from "../trainer/contract/report.ts";
import type { ExportFile, Pins, PrepareFile, TrainFile } from "../trainer/contract/runFile.ts";
import type { ExportEntry, TrainingSpec } from "../trainer/contract/settings.ts";
import { storeLayout } from "../trainer/contract/storeLayout.ts";
import type { StageContext } from "../trainer/stages/context.ts";
import { runExport } from "../trainer/stages/export.ts";
import { runPrepare } from "../trainer/stages/prepare.ts";
import { runTrain } from "../trainer/stages/train.ts";

export interface PipelineJob {
  readonly spec: TrainingSpec;
  readonly exports: readonly ExportEntry[];
  /** `<artifacts.uri>/<namespace>`. */
  readonly artifactRoot: string;
}

/** Who watches: told before each stage what it is, and after it whether its work was there already. */
export interface PipelineWatcher {
  begin(stage: string): StageContext;
  end(stage: string, reused: boolean): void;
  prepared(figures: PrepareFigures): void;
}

export interface PipelineResult {
  readonly runHash: string;
  /** URIs below the artifact root. */
  readonly adapter: string;
  readonly prepare: PrepareFigures;
  readonly train: TrainFigures;
  readonly exports: readonly (ExportFigures & { readonly uri: string })[];
}

export async function runPipeline(job: PipelineJob, watcher: PipelineWatcher): Promise<PipelineResult> {
  const prepare = await watched(watcher, "prepare", (context) => runPrepare(prepareFile(job), context));
  watcher.prepared(prepare);
  const file = trainFile(job, prepare);
  const train = await watched(watcher, "train", (context) => runTrain(file, context));
  const run = storeLayout.run(job.artifactRoot, file.runHash);
  const exports: PipelineResult["exports"][number][] = [];
  for (const entry of job.exports) {
    const what = exportFile(job, file, train, entry);
    const figures = await watched(watcher, `export ${entry.name}`, (context) => runExport(what, context));
    exports.push({ ...figures, uri: storeLayout.export(run, entry.name) });
  }
  return { runHash: file.runHash, adapter: storeLayout.adapter(run), prepare, train, exports };
}

async function watched<Figures>(
  watcher: PipelineWatcher,
  stage: string,
  work: (context: StageContext) => Promise<{ figures: Figures; reused: boolean }>,
): Promise<Figures> {
  const { figures, reused } = await work(watcher.begin(stage));
  watcher.end(stage, reused);
  return figures;
}

/** What prepare is told. Pure, like its two siblings. */
export function prepareFile({ spec, artifactRoot }: Pick<PipelineJob, "spec" | "artifactRoot">): PrepareFile {
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

export function trainFile({ spec, artifactRoot }: PipelineJob, prepared: PrepareFigures): TrainFile {
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

function exportFile(
  { artifactRoot }: PipelineJob,
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
