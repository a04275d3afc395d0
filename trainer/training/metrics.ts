/**
 * The curve of a run: a progress line for each step, in metrics.jsonl and to whoever listens. On resuming, lines after the
 * checkpoint are dropped, since those steps are done again.
 */
import { formatProgress, type Progress, parseProgress } from "../contract/progress.ts";
import type { ProgressReporter } from "../progressReporter.ts";
import type { Stores } from "../stores/stores.ts";
import type { StepFigures } from "./step.ts";

/** Lines kept of a run: from there on, only every n-th step has one. */
const maxLines = 10_000;
const now = () => performance.now() / 1000;

/** Steps over which speed is averaged. */
const window = 20;

export interface StepReport {
  figures: StepFigures;
  step: number;
  steps: number;
  epoch: number;
  evalLoss: number | undefined;
  lastCheckpoint: number;
  seconds: number;
}

export class Metrics {
  readonly #stores: Stores;
  readonly #uri: string;
  readonly #reporter: ProgressReporter;
  #lines: string[] = [];
  #recent: { tokens: number; seconds: number; at: number }[] = [];
  #evalLoss: number | undefined;

  constructor(stores: Stores, uri: string, reporter: ProgressReporter) {
    this.#stores = stores;
    this.#uri = uri;
    this.#reporter = reporter;
  }

  /** Takes over the lines up to `step` that an earlier attempt wrote. */
  async resume(step: number): Promise<void> {
    const store = this.#stores.of(this.#uri);
    if (step === 0 || !(await store.stat(this.#uri))) return;
    const text = Buffer.from(await store.read(this.#uri)).toString("utf8");
    const earlier = text.split("\n").flatMap((line) => parseProgress(line) ?? []);
    const kept = earlier.filter(({ done }) => done <= step);
    this.#lines = kept.map(formatProgress);
    this.#evalLoss = kept.findLast(({ evalLoss }) => evalLoss !== undefined)?.evalLoss;
  }

  step(report: StepReport): void {
    const { step, steps, figures } = report;
    this.#recent = [...this.#recent, { tokens: figures.tokens, seconds: report.seconds, at: now() }].slice(-window);
    this.#evalLoss = report.evalLoss ?? this.#evalLoss;
    const line = this.#line(report);
    const every = Math.ceil(steps / maxLines);
    if (step % every === 0 || step === steps || report.evalLoss !== undefined) {
      const { evalLoss, ...rest } = line;
      // In the file a validation loss stands where it was computed; listeners hear the newest.
      this.#lines.push(formatProgress({ ...rest, ...(report.evalLoss !== undefined && { evalLoss }) }));
    }
    this.#reporter.report(line);
  }

  /** Writes the curve so far. */
  async flush(): Promise<void> {
    const text = this.#lines.map((line) => `${line}\n`).join("");
    await this.#stores.of(this.#uri).write(this.#uri, Buffer.from(text));
  }

  /** Of the last steps, validations and checkpoints among them included. */
  #secondsAStep(): number {
    return (this.#recent.at(-1)!.at - this.#recent[0]!.at) / (this.#recent.length - 1);
  }

  #line({ figures, step, steps, epoch, lastCheckpoint }: StepReport): Progress {
    const seconds = this.#recent.reduce((sum, part) => sum + part.seconds, 0);
    const tokens = this.#recent.reduce((sum, part) => sum + part.tokens, 0);
    return {
      phase: "Training",
      done: step,
      total: steps,
      unit: "steps",
      time: new Date().toISOString(),
      epoch,
      loss: figures.loss,
      ...(this.#evalLoss !== undefined && { evalLoss: this.#evalLoss }),
      learningRate: figures.learningRate,
      tokensPerSecond: tokens / seconds,
      gradNorm: figures.gradNorm,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      lastCheckpoint,
      ...(this.#recent.length > 1 && { estimatedSecondsLeft: (steps - step) * this.#secondsAStep() }),
    };
  }
}
