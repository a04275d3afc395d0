/**
 * A training's settings with every default written out, in the form a user writes them: what a FineTuneRun shows and
 * what the trainer is given. Pure; the hash of the result is the hash of what it was made of.
 */
import { dataFile, effectiveSettings } from "../../trainer/contract/effective.ts";
import { methodWithDefaults } from "../../trainer/contract/methods/index.ts";
import type { TrainingSpec } from "../../trainer/contract/settings.ts";

export function withDefaults(spec: TrainingSpec): TrainingSpec {
  const effective = effectiveSettings(spec);
  const { dataset, training, evaluation } = effective;
  return {
    ...trainingPart(spec),
    baseModel: { ...withoutSecret(spec.baseModel), ...effective.baseModel },
    dataset: {
      ...spec.dataset,
      sources: spec.dataset.sources.map((source) => ({
        ...withoutSecret(source),
        format: dataFile(source).format,
      })),
      ...(spec.dataset.validation === undefined ? {} : { validation: withoutSecret(spec.dataset.validation) }),
      maxSequenceLength: dataset.maxSequenceLength,
      packing: dataset.packing,
      trainOn: dataset.trainOn,
      badRows: { maxFraction: spec.dataset.badRows?.maxFraction ?? String(dataset.maxBadFraction) },
    },
    method: methodWithDefaults(spec.method),
    training: {
      ...(training.length.kind === "steps"
        ? { maxSteps: training.length.steps }
        : { epochs: spec.training?.epochs ?? String(training.length.epochs) }),
      batchTokens: training.rowsPerStep * dataset.maxSequenceLength,
      learningRate: spec.training?.learningRate ?? String(training.learningRate),
      learningRateSchedule: {
        type: training.schedule.type,
        warmupRatio: spec.training?.learningRateSchedule?.warmupRatio ?? String(training.schedule.warmupRatio),
      },
      optimizer: {
        type: training.optimizer.type,
        weightDecay: spec.training?.optimizer?.weightDecay ?? String(training.optimizer.weightDecay),
        beta1: spec.training?.optimizer?.beta1 ?? String(training.optimizer.beta1),
        beta2: spec.training?.optimizer?.beta2 ?? String(training.optimizer.beta2),
        epsilon: spec.training?.optimizer?.epsilon ?? String(training.optimizer.epsilon),
      },
      maxGradNorm: spec.training?.maxGradNorm ?? String(training.maxGradNorm),
      seed: training.seed,
      precision: training.precision,
      ...(training.evaluateEverySteps === undefined ? {} : { evaluation: { everySteps: training.evaluateEverySteps } }),
      ...(training.patience === undefined ? {} : { earlyStopping: { patience: training.patience } }),
      keep: training.keep,
      checkpoint: training.checkpoint,
    },
    ...(spec.evaluation === undefined || evaluation === undefined
      ? {}
      : {
          evaluation: {
            ...spec.evaluation,
            test: withoutSecret(spec.evaluation.test),
            maxNewTokens: evaluation.maxNewTokens,
          },
        }),
  };
}

/** A run reads what was staged; with whose credentials that came is not a fact of it. */
function withoutSecret<T extends { secretRef?: unknown }>({ secretRef: _, ...rest }: T): Omit<T, "secretRef"> {
  return rest;
}

/** The part of a FineTuneJob's spec that the contract knows. */
export function trainingPart<T extends TrainingSpec>(spec: T): TrainingSpec {
  const { baseModel, dataset, method, training, evaluation } = spec;
  return {
    baseModel,
    dataset,
    method,
    ...(training === undefined ? {} : { training }),
    ...(evaluation === undefined ? {} : { evaluation }),
  };
}
