/**
 * The training loop of a run, from its newest checkpoint or from the start: steps, validation, early stopping, the best
 * weights, checkpoints. `LoopState` and the engine's state determine every bit of the result, so a run that is stopped
 * anywhere and resumed gives the same bytes.
 */
import type { EffectiveSettings } from "../contract/effective.ts";
import { Cancelled, diverged, stopped } from "../contract/failure.ts";
import { RowOrder } from "../data/packed/order.ts";
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import type { Parameters } from "../engine/engine.ts";
import type { CheckpointFacts, Checkpoints, LoopState } from "./checkpoint.ts";
import type { Metrics } from "./metrics.ts";
import { evalRewardsOf } from "./rewards.ts";
import { type StepFigures, type StepParts, trainStep } from "./step.ts";
import { validationLoss } from "./validation.ts";
import type { WriterEpoch } from "./writerEpoch.ts";

export interface TrainingRun {
  parts: StepParts;
  settings: EffectiveSettings["training"];
  validation: PackedDataset | undefined;
  checkpoints: Checkpoints;
  facts: CheckpointFacts;
  epoch: WriterEpoch;
  metrics: Metrics;
  signal: AbortSignal;
}

export interface TrainingResult {
  state: LoopState;
  /** The parameters of the adapter: the best or the last. */
  parameters: Parameters;
}

/** Steps between validations. */
const evaluationInterval = (settings: EffectiveSettings["training"], steps: number) =>
  settings.evaluateEverySteps ?? Math.max(1, Math.ceil(steps / 10));

const validationNotFinite = (step: number) =>
  diverged(
    "LossNotFinite",
    `the validation loss after step ${step} is not finite; lower training.learningRate, or check the validation rows`,
  );

export class TrainingLoop {
  readonly #run: TrainingRun;
  readonly #order: RowOrder;
  #state: LoopState;
  /** Undefined while the best parameters are those in the engine. */
  #best: Parameters | undefined;
  #savedStep: number;

  /** The engine holds the result of `state.step` steps; 0 for a new run. */
  constructor(run: TrainingRun, state: LoopState, best: Parameters | undefined) {
    this.#run = run;
    this.#state = state;
    this.#best = best;
    this.#savedStep = state.step;
    this.#order = new RowOrder(run.settings, run.parts.dataset.rowCount);
  }

  /**
   * Trains to the end. On a stop request it throws that failure after a durable checkpoint; the resumed run repeats the
   * interrupted step or validation.
   */
  async train(): Promise<TrainingResult> {
    try {
      await this.#toTheEnd();
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      await this.#stop();
    }
    const { keep } = this.#run.settings;
    const parameters = keep === "Best" && this.#best ? this.#best : this.#current();
    return { state: this.#state, parameters };
  }

  async #toTheEnd(): Promise<void> {
    for (;;) {
      if (this.#isEvaluationDue()) await this.#evaluate();
      const complete = this.#isComplete();
      // Also after the last step, because the task metric and the adapter follow and may be stopped.
      if (complete || this.#isCheckpointDue()) await this.save();
      if (complete) return;
      await this.#step(this.#state.step + 1);
    }
  }

  /** Writes a checkpoint of the current state. */
  async save(): Promise<void> {
    if (this.#savedStep === this.#state.step) return;
    const { checkpoints, facts, epoch, parts, settings, metrics } = this.#run;
    await epoch.check();
    await metrics.flush();
    await checkpoints.save(parts.engine, this.#state, this.#best, facts, () => epoch.check());
    await checkpoints.prune(settings.checkpoint.keep);
    this.#savedStep = this.#state.step;
  }

  #isComplete(): boolean {
    const { step, evaluationsWithoutImprovement } = this.#state;
    const { patience } = this.#run.settings;
    return step >= this.#order.steps || (patience !== undefined && evaluationsWithoutImprovement >= patience);
  }

  #isCheckpointDue(): boolean {
    return this.#state.step % this.#run.settings.checkpoint.everySteps === 0;
  }

  async #stop(): Promise<never> {
    await this.save();
    throw stopped(`stopped on request after step ${this.#state.step} of ${this.#order.steps}`);
  }

  async #step(step: number): Promise<void> {
    const started = performance.now();
    const figures = await trainStep(this.#run.parts, step, this.#order.rowsOfStep(step), this.#run.signal);
    const seconds = (performance.now() - started) / 1000;
    this.#state = {
      ...this.#state,
      step,
      loss: figures.loss,
      trainedTokens: this.#state.trainedTokens + figures.trainedTokens,
      tokens: this.#state.tokens + figures.tokens,
      seconds: this.#state.seconds + seconds,
    };
    this.#report(figures, seconds);
  }

  #isEvaluationDue(): boolean {
    const { step, evaluatedStep } = this.#state;
    if (!this.#run.validation || evaluatedStep === step) return false;
    return step === this.#order.steps || step % evaluationInterval(this.#run.settings, this.#order.steps) === 0;
  }

  async #evaluate(): Promise<void> {
    const { parts, validation, settings, signal } = this.#run;
    const figures = await validationLoss({ ...parts, objective: settings.objective }, validation!, signal);
    const { loss: evalLoss, rewardAccuracy, rewardMargin } = figures;
    const evalRewards = evalRewardsOf({ evalRewardAccuracy: rewardAccuracy, evalRewardMargin: rewardMargin });
    const { step, bestEvalLoss } = this.#state;
    if (!Number.isFinite(evalLoss)) throw validationNotFinite(step);
    const counts = step >= parts.engine.compiled.firstResult(this.#order.steps);
    const improved = counts && (bestEvalLoss === undefined || evalLoss < bestEvalLoss);
    if (improved && settings.keep === "Best") this.#keepBest();
    this.#state = {
      ...this.#state,
      evaluatedStep: step,
      evalLoss,
      ...evalRewards,
      ...(improved && { bestStep: step, bestEvalLoss: evalLoss }),
      ...(improved && rewardAccuracy !== undefined && { bestEvalRewards: evalRewards }),
      evaluationsWithoutImprovement: improved || !counts ? 0 : this.#state.evaluationsWithoutImprovement + 1,
    };
    this.#run.metrics.evaluated(step, { evalLoss, ...evalRewards });
  }

  #report(figures: StepFigures, seconds: number): void {
    const { step } = this.#state;
    this.#run.metrics.step({
      figures,
      step,
      steps: this.#order.steps,
      epoch: this.#order.epochsAfter(step),
      lastCheckpoint: this.#savedStep,
      seconds,
    });
  }

  /** Views of the engine's parameters. */
  #current(): Parameters {
    const { engine } = this.#run.parts;
    return new Map(engine.stateOf("parameter").map(({ name }) => [name, engine.floats("parameter", name)]));
  }

  /** Copies the parameters, replacing the previous best ones, so that later steps do not change the copy. */
  #keepBest(): void {
    this.#best ??= new Map([...this.#current()].map(([name, { length }]) => [name, new Float32Array(length)]));
    for (const [name, values] of this.#current()) this.#best.get(name)!.set(values);
  }
}
