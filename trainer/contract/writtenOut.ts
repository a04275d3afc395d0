/**
 * A training's settings in the user's form with every default written out: a FineTuneRun shows them, and the trainer
 * reads them. Pure. They have the same hash as the settings they were made from.
 */
import { appliedTraining, effectiveBase } from "./effective.ts";
import { methodWithDefaults } from "./methods/index.ts";
import { applied, type SettingTable, type WrittenOf, writtenOut } from "./setting.ts";
import { datasetTable, evaluationTable, quantizationTable, sourceTable, type TrainingSpec } from "./settings.ts";
import { trainingTable } from "./training.ts";

export function withDefaults(spec: TrainingSpec): TrainingSpec {
  const { baseModel, dataset, evaluation } = spec;
  const { quantization, ...base } = baseModel;
  return {
    baseModel: {
      ...withoutSecret(base),
      ...effectiveBase({ uri: base.uri, revision: base.revision }),
      ...(quantization && {
        quantization: filled(quantizationTable, quantization),
      }),
    },
    dataset: {
      sources: dataset.sources.map((source) => ({
        ...withoutSecret(source),
        ...filled(sourceTable, source),
      })),
      ...(dataset.validation && { validation: withoutSecret(dataset.validation) }),
      ...filled(datasetTable, dataset),
      ...(dataset.chatTemplate && { chatTemplate: withoutSecret(dataset.chatTemplate) }),
    },
    method: methodWithDefaults(spec.method),
    training: writtenOut(trainingTable, appliedTraining(spec), spec.training),
    ...(evaluation && {
      evaluation: {
        ...evaluation,
        test: withoutSecret(evaluation.test),
        ...filled(evaluationTable, evaluation),
      },
    }),
  };
}

/** A table with all of its defaults. */
const filled = <Table extends SettingTable>(table: Table, written: object): WrittenOf<Table> =>
  writtenOut(table, applied(table, written), written);

/** A run reads staged inputs, so the credentials that fetched them are not part of it. */
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
