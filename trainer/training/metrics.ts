/**
 * The curve of a run: a progress line for each step, in metrics.jsonl, in a TensorBoard event file and for listeners. A resumed
 * run drops the lines after its checkpoint, because it repeats those steps.
 */
import { formatProgress, type Progress, parseProgress } from "../contract/progress.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import type { ProgressReporter } from "../progress/progressReporter.ts";
import type { Stores } from "../stores/stores.ts";
import { eventFile } from "./eventFile.ts";
import { type EvalRewards, evalRewardsOf } from "./rewards.ts";
import type { StepFigures } from "./step.ts";

/** Maximum number of lines; beyond it, only every n-th step has one. */
const maxLines = 10_000;
const now = () => performance.now() / 1000;

/** Number of steps over which the speed is averaged. */
const window = 20;

/** The members of a line that a validation adds. */
type ValidationFigures = Pick<Progress, "evalLoss"> & EvalRewards;

export interface StepReport {
  figures: StepFigures;
  step: number;
  steps: number;
  epoch: number;
  lastCheckpoint: number;
  seconds: number;
}

/** The lines of a run's metrics.jsonl; none if it does not exist. */
export async function readMetrics(stores: Stores, run: string): Promise<Progress[]> {
  const uri = storeLayout.metrics(run);
  const store = stores.of(uri);
  if (!(await store.stat(uri))) return [];
  const text = Buffer.from(await store.read(uri)).toString("utf8");
  return text.split("\n").flatMap((line) => parseProgress(line) ?? []);
}

export class Metrics {
  readonly #stores: Stores;
  /** URI of the run's directory. */
  readonly #run: string;
  readonly #reporter: ProgressReporter;
  readonly #peakBytes: () => number;
  #lines: Progress[] = [];
  /** The last step's line, even if it is not among the lines. */
  #latest: Progress | undefined;
  #recent: { tokens: number; seconds: number; at: number }[] = [];
  #validation: ValidationFigures = {};

  /** `peakBytes`: the most memory so far, of the process or of the GPU that trains. */
  constructor(stores: Stores, run: string, reporter: ProgressReporter, peakBytes: () => number) {
    this.#stores = stores;
    this.#run = run;
    this.#reporter = reporter;
    this.#peakBytes = peakBytes;
  }

  /** Reads an earlier attempt's lines up to `step`. */
  async resume(step: number): Promise<void> {
    const earlier = step === 0 ? [] : await readMetrics(this.#stores, this.#run);
    if (earlier.length === 0) return;
    const kept = earlier.filter(({ done }) => done <= step);
    this.#lines = kept;
    this.#latest = kept.at(-1);
    const validated = kept.findLast(({ evalLoss }) => evalLoss !== undefined);
    this.#validation = validated ? { evalLoss: validated.evalLoss, ...evalRewardsOf(validated) } : {};
  }

  step(report: StepReport): void {
    const { step, steps, figures } = report;
    this.#recent = [...this.#recent, { tokens: figures.tokens, seconds: report.seconds, at: now() }].slice(-window);
    const line = this.#line(report);
    this.#latest = line;
    if (step % Math.ceil(steps / maxLines) === 0 || step === steps) this.#lines.push(line);
    this.#reporter.report(this.#forListeners(line));
  }

  /** Adds the figures of the validation after a step to that step's line. */
  evaluated(step: number, figures: ValidationFigures): void {
    this.#validation = figures;
    if (this.#latest?.done !== step) return;
    const line = { ...this.#latest, ...figures };
    if (this.#lines.at(-1)?.done === step) this.#lines.pop();
    this.#lines.push(line);
    this.#latest = line;
    this.#reporter.report(line);
  }

  /** Writes the curve so far, also for TensorBoard. */
  async flush(): Promise<void> {
    const text = this.#lines.map((line) => `${formatProgress(line)}\n`).join("");
    const store = this.#stores.of(this.#run);
    await store.write(storeLayout.metrics(this.#run), Buffer.from(text));
    await store.write(storeLayout.events(this.#run), eventFile(this.#lines));
  }

  /** Listeners get the newest validation's figures with every line; the file has it only at the step that computed it. */
  #forListeners(line: Progress): Progress {
    return { ...line, ...this.#validation };
  }

  /** Tokens per second over the last steps, including validations and checkpoints between them. */
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
      ...(figures.rewardAccuracy !== undefined && { rewardAccuracy: figures.rewardAccuracy }),
      ...(figures.rewardMargin !== undefined && { rewardMargin: figures.rewardMargin }),
      learningRate: figures.learningRate,
      tokensPerSecond: tokens / seconds,
      gradNorm: figures.gradNorm,
      peakBytes: this.#peakBytes(),
      lastCheckpoint,
      ...(this.#recent.length > 1 && { estimatedSecondsLeft: (steps - step) * this.#secondsAStep() }),
    };
  }
}
