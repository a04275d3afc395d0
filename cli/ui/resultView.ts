/** Formats the result of a training, with the same lines for a run on this machine and in a cluster. Pure. */

import { formatBytes, formatCount, formatDuration, formatFigure, formatShare } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import { counted } from "../../trainer/contract/counted.ts";
import { type EvaluationFigures, figureOf } from "../../trainer/contract/report.ts";
import { type TaskMetricName, taskMetricNames, taskMetrics } from "../../trainer/contract/taskMetrics.ts";

export interface TrainingResult {
  readonly steps: number;
  readonly bestStep: number;
  readonly loss: number;
  readonly evalLoss?: number | undefined;
  readonly evalRewardAccuracy?: number | undefined;
  readonly evalRewardMargin?: number | undefined;
  readonly evaluationBefore?: EvaluationFigures | undefined;
  readonly evaluationAfter?: EvaluationFigures | undefined;
  readonly trainableParameters: number;
  readonly totalParameters: number;
  readonly tokensPerSecond: number;
  readonly seconds: number;
  readonly predictedPeakBytes: number;
  readonly measuredPeakBytes: number;
  readonly resumes: number;
}

export interface ExportResult {
  readonly name: string;
  readonly sizeBytes: number;
  readonly shards: number;
  readonly maxLogitDifference: number;
  readonly klDivergence: number;
}

export interface Outcome {
  readonly title: string;
  readonly training: TrainingResult;
  readonly exports: readonly ExportResult[];
  /** Labels and paths of the results. */
  readonly places: readonly (readonly [string, string])[];
}

export function outcomeLines({ title, training, exports, places }: Outcome): string[] {
  return [
    title,
    "",
    ...indented(evaluationTable(training)),
    ...indented(table([...trainingRows(training), ...exports.map(exportRow)])),
    "",
    ...indented(table(places)),
  ];
}

const indented = (lines: readonly string[]) => lines.map((line) => (line === "" ? "" : `  ${line}`));

function evaluationTable({ evaluationBefore: before, evaluationAfter: after }: TrainingResult): string[] {
  if (after === undefined) return [];
  const measured = taskMetricNames.filter((name) => figureOf(after, name) !== undefined);
  const rows = measured.map((name) => [
    taskMetrics[name].words,
    taskFigure(name, before && figureOf(before, name)),
    taskFigure(name, figureOf(after, name)),
    ...(name === "ExactMatch" ? [taskFigure(name, after.majorityShare)] : []),
  ]);
  const baseline = measured.includes("ExactMatch") ? ["majority baseline"] : [];
  return [
    ...table([["", "before", "after", ...baseline], ...rows], [1, 2, 3]),
    `on ${counted(after.examples, "held-out example")}`,
    "",
  ];
}

function taskFigure(name: TaskMetricName, figure: number | undefined): string {
  if (figure === undefined) return "–";
  return taskMetrics[name].range === "Share" ? formatShare(figure) : formatFigure(figure);
}

const memoryText = ({ measuredPeakBytes, predictedPeakBytes }: TrainingResult) =>
  `${formatBytes(measuredPeakBytes)} at most, ${formatBytes(predictedPeakBytes)} predicted`;

function trainingRows(training: TrainingResult): string[][] {
  const { steps, bestStep, seconds, tokensPerSecond, resumes } = training;
  const resumed = resumes === 0 ? "" : `, resumed ${resumes} time${resumes === 1 ? "" : "s"}`;
  const validation = training.evalLoss === undefined ? "" : `, validation ${formatFigure(training.evalLoss)}`;
  return [
    [
      "steps",
      `${steps} (kept: step ${bestStep}) in ${formatDuration(seconds)}, ${formatCount(tokensPerSecond)} tokens/s${resumed}`,
    ],
    ["loss", `${formatFigure(training.loss)}${validation}`],
    ...rewardRows(training),
    ["trained", `${formatCount(training.trainableParameters)} of ${formatCount(training.totalParameters)} parameters`],
    ["memory", memoryText(training)],
  ];
}

function rewardRows({ evalRewardAccuracy: accuracy, evalRewardMargin: margin }: TrainingResult): string[][] {
  if (accuracy === undefined) return [];
  const apart = margin === undefined ? "" : `, rewards ${formatFigure(margin)} apart`;
  return [["preferences", `${formatShare(accuracy)} of the validation data${apart}`]];
}

function exportRow({ name, sizeBytes, shards, maxLogitDifference, klDivergence }: ExportResult): string[] {
  return [
    `export ${name}`,
    `${formatBytes(sizeBytes)} in ${shards} shard${shards === 1 ? "" : "s"}; read back, logits differ by at most ` +
      `${formatFigure(maxLogitDifference)} (KL ${formatFigure(klDivergence)})`,
  ];
}
