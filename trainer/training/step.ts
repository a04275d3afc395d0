/**
 * One optimiser step: it accumulates the gradients of all its rows, with the loss as the mean over all its trained
 * tokens (of preferences, over all its pairs or answers), then updates once. Their number is known before the first backward
 * pass, so the division into micro-batches does not change the result beyond rounding.
 */
import type { TrainingSettings } from "../contract/effective.ts";
import { diverged } from "../contract/failure.ts";
import type { PackedDataset } from "../data/packed/packedDataset.ts";
import type { Batch, BatchShape } from "../engine/batch.ts";
import type { Engine } from "../engine/engine.ts";
import type { StepHost } from "../graph/site.ts";
import type { RopeTable } from "../models/rope.ts";
import { type LossFigures, runLoss } from "./loss.ts";
import { hyperOf, learningRate } from "./schedule.ts";

export interface StepParts {
  engine: Engine;
  dataset: PackedDataset;
  shape: BatchShape;
  rope: RopeTable;
  settings: TrainingSettings;
  /** Number of steps of the run. */
  steps: number;
  /** The file and line of an example, for people. */
  nameOf: (example: number) => string;
}

export interface StepFigures extends LossFigures {
  readonly gradNorm: number;
  readonly learningRate: number;
}

/**
 * Trains on `rows` as step 1..steps. Throws a failure when the loss is not finite or the gradient is zero, and
 * `Cancelled` when `signal` is aborted during its micro-batches; parameters and moments are then unchanged.
 */
export async function trainStep(
  parts: StepParts,
  step: number,
  rows: readonly number[],
  signal?: AbortSignal,
): Promise<StepFigures> {
  const { engine, dataset, settings, steps } = parts;
  const figures = await runLoss(
    { ...parts, objective: settings.objective },
    {
      ...{ program: "micro", dataset, rows, signal, inputs: { rngKey: Uint32Array.of(settings.seed, step) } },
      onBatch(batch, key) {
        if (!Number.isFinite(engine.scalar("loss"))) throw notFinite(parts, step, batch, engine.output(key, "nll"));
      },
    },
  );
  const rate = learningRate(settings, step, steps);
  if (engine.compiled.pullsBack) await engine.run({ program: "pullback" });
  await engine.run({ program: "optimise" }, { hyper: hyperOf(rate, step, settings.optimizer) });
  const gradNorm = engine.scalar("gradientNorm");
  checkGradient(parts, step, rows, gradNorm);
  await engine.compiled.afterStep?.(hostOf(engine), step, steps);
  await engine.run({ program: "derive" });
  return { ...figures, gradNorm, learningRate: rate };
}

/** The engine in the form that a method uses. */
export const hostOf = (engine: Engine): StepHost => ({
  names: (role) => engine.stateOf(role).map(({ name }) => name),
  values: (role, name) => engine.floats(role, name),
  observe: () => engine.run({ program: "observe" }),
});

function notFinite({ nameOf }: StepParts, step: number, batch: Batch, nll: Float32Array) {
  const at = Math.max(
    0,
    batch.trained.findIndex((_, row) => !Number.isFinite(nll[row])),
  );
  const token = batch.trained[at]!;
  const where = `first at token ${token.position} of ${nameOf(token.example)}`;
  return diverged(
    "LossNotFinite",
    step === 1
      ? `step 1: the loss is not finite, ${where}; ${beforeUpdates}, or remove that row`
      : `step ${step}: the loss is not finite, ${where}; lower training.learningRate`,
  );
}

/** At step 1 nothing has been trained yet, so no training setting is the cause. */
const beforeUpdates =
  "no weight was updated before, so the base model itself overflows on this text: check that its weights and its " +
  "config.json belong together";

/** The settings and the data that can make a gradient zero. */
const causesOfZero = ({ objective: { type } }: TrainingSettings): string =>
  type === "Supervised"
    ? "dataset.trainOn and the"
    : `the options of training.objective ${type} and the answers in the`;

function checkGradient(
  { dataset, nameOf, settings }: StepParts,
  step: number,
  rows: readonly number[],
  norm: number,
): void {
  const first = nameOf(dataset.rowStart[rows[0]!]!);
  if (!Number.isFinite(norm)) {
    const way = step === 1 ? beforeUpdates : "lower training.learningRate";
    throw diverged(
      "GradientNotFinite",
      `step ${step}: the gradient is not finite; ${way}, or check the rows that begin with ${first}`,
    );
  }
  if (norm === 0) {
    throw diverged(
      "GradientZero",
      `step ${step}: the gradient is exactly zero, so the run would learn nothing; check ${causesOfZero(settings)} rows that begin with ${first}`,
    );
  }
}
