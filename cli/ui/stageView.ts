/**
 * Shows one stage of the pipeline: progress bar, loss curve, speed and time left. It is fed with the trainer's progress
 * lines, from this process or a pod's log. Pure apart from its own memory.
 */

import { bar } from "../../terminal/bar.ts";
import { formatBytes, formatCount, formatDuration, formatFigure, formatShare } from "../../terminal/format.ts";
import type { Block } from "../../terminal/screen.ts";
import { sparkline } from "../../terminal/sparkline.ts";
import { clip } from "../../terminal/table.ts";
import type { Progress } from "../../trainer/contract/progress.ts";

const phaseTexts: Record<Progress["phase"], string> = {
  Fetching: "reading the base model",
  Tokenizing: "tokenising the data",
  Staging: "staging the inputs",
  Quantizing: "quantising the base model",
  Loading: "loading the model",
  EvaluatingBefore: "evaluating before",
  Training: "training",
  EvaluatingAfter: "evaluating after",
  Saving: "saving",
  Merging: "merging",
  Verifying: "verifying by reading back",
  Uploading: "uploading",
};

export interface StageView extends Block {
  add(progress: Progress): void;
}

/** `heading` is the line above the bar: the state and the name of the job. */
export function createStageView(heading: () => string): StageView {
  const losses = new Map<number, number>();
  let latest: Progress | undefined;
  let evalLoss: number | undefined;
  let rewardAccuracy: number | undefined;
  return {
    add(progress) {
      latest = progress;
      evalLoss = progress.evalLoss ?? evalLoss;
      rewardAccuracy = progress.evalRewardAccuracy ?? progress.rewardAccuracy ?? rewardAccuracy;
      if (progress.phase === "Training" && progress.loss !== undefined) losses.set(progress.done, progress.loss);
    },
    lines(columns) {
      const first = clip(heading(), columns);
      if (latest === undefined) return [first];
      const curve = curveLine([...losses.values()], curveText(evalLoss, rewardAccuracy), columns);
      return [first, barLine(latest, columns), ...(curve === undefined ? [] : [curve])];
    },
    summary: () => (latest === undefined ? heading() : `${heading()}: ${summaryOf(latest, evalLoss)}`),
  };
}

function barLine(progress: Progress, columns: number): string {
  const width = Math.max(10, Math.min(30, columns - 60));
  return clip(
    `  ${bar(shareOf(progress), width)} ${percent(progress)}  ${phaseTexts[progress.phase]}  ${details(progress).join(" · ")}`,
    columns,
  );
}

/** The figures behind the training's loss. */
function curveText(evalLoss: number | undefined, rewardAccuracy: number | undefined): string {
  const validation = evalLoss === undefined ? "" : ` · validation ${formatFigure(evalLoss)}`;
  return validation + (rewardAccuracy === undefined ? "" : ` · preferences ${formatShare(rewardAccuracy)}`);
}

function curveLine(losses: readonly number[], further: string, columns: number): string | undefined {
  if (losses.length < 2) return undefined;
  const [first, last] = [losses[0] ?? 0, losses.at(-1) ?? 0];
  const text = `loss ${formatFigure(first)} → ${formatFigure(last)}${further}`;
  return clip(`  ${sparkline(losses, Math.max(10, Math.min(60, columns - text.length - 4)))}  ${text}`, columns);
}

function summaryOf(progress: Progress, evalLoss: number | undefined): string {
  const loss = progress.loss === undefined ? [] : [`loss ${formatFigure(progress.loss)}`];
  const validation = evalLoss === undefined ? [] : [`validation ${formatFigure(evalLoss)}`];
  return [
    `${phaseTexts[progress.phase]} ${percent(progress).trim()}`,
    ...details(progress),
    ...loss,
    ...validation,
  ].join(" · ");
}

function details(progress: Progress): string[] {
  const parts = [amount(progress)];
  if (progress.tokensPerSecond !== undefined) parts.push(`${formatCount(progress.tokensPerSecond)} tokens/s`);
  if (progress.estimatedSecondsLeft !== undefined && progress.done < progress.total) {
    parts.push(`${formatDuration(progress.estimatedSecondsLeft)} left`);
  }
  return parts;
}

function amount({ done, total, unit }: Progress): string {
  return unit === "bytes" ? `${formatBytes(done)} of ${formatBytes(total)}` : `${unit} ${done}/${total}`;
}

const shareOf = ({ done, total }: Progress) => (total === 0 ? 1 : done / total);
const percent = (progress: Progress) => `${String(Math.floor(shareOf(progress) * 100)).padStart(3)} %`;
