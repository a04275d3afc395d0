/**
 * Runs a job without a cluster: prepare → train → export, one after another. Prepare and export run in this process, by the
 * functions that their pods run; the training has a process of its own (trainProcess.ts). A stage whose result is already
 * in the artifact store is skipped.
 */

import { type ExportEntry, ggufRefusalReason, impossibleExport } from "../trainer/contract/exports.ts";
import { invalid } from "../trainer/contract/failure.ts";
import type { ExportFigures, PrepareFigures, TrainFigures } from "../trainer/contract/report.ts";
import { exportFile, pinsOf, prepareFile, type StagedJob, trainFile } from "../trainer/contract/stageFiles.ts";
import { storeLayout } from "../trainer/contract/storeLayout.ts";
import type { StageContext } from "../trainer/stages/context.ts";
import { runExport } from "../trainer/stages/export.ts";
import { runPrepare } from "../trainer/stages/prepare.ts";
import { trainInProcess } from "./trainProcess.ts";

/** Observes the stages: called before each stage with its name, and after it with whether its result already existed. */
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

export async function runPipeline(
  job: StagedJob,
  exportEntries: readonly ExportEntry[],
  claims: ReadonlyMap<string, string>,
  watcher: PipelineWatcher,
): Promise<PipelineResult> {
  const prepare = await watched(watcher, "prepare", (context) => runPrepare(prepareFile(job), context));
  watcher.prepared(prepare);
  requirePossible(exportEntries, prepare);
  const file = trainFile(job, pinsOf(prepare));
  const train = await watched(watcher, "train", (context) => trainInProcess(file, claims, context));
  const run = storeLayout.run(job.artifactRoot, file.runHash);
  const exports: PipelineResult["exports"][number][] = [];
  const source = { ...job, ...file.pins, runHash: file.runHash, adapterDigest: train.adapterDigest };
  for (const entry of exportEntries) {
    const what = exportFile(source, entry);
    const figures = await watched(watcher, `export ${entry.name}`, (context) => runExport(what, context));
    exports.push({ ...figures, uri: storeLayout.export(run, entry) });
  }
  return { runHash: file.runHash, adapter: storeLayout.adapter(run), prepare, train, exports };
}

/** Throws a failure for an export that no training on this base can have. */
export function requirePossible(entries: readonly ExportEntry[], prepared: PrepareFigures): void {
  const fault = impossibleExport(entries, prepared);
  if (fault !== undefined) throw invalid(ggufRefusalReason, fault);
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
