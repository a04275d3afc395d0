/**
 * Settings with every default applied: the trainer runs them and the operator shows them. Decimals are numbers here.
 * Pure.
 */
import type { ChatTemplateChoice } from "./chatTemplate.ts";
import {
  adapterTable,
  type ExportEntry,
  type ExportSettings,
  exportKindOf,
  ggufAdapterTable,
  ggufTable,
  mergedTable,
} from "./exports.ts";
import type { LearningRateSchedule } from "./learningRateSchedule.ts";
import { defaultLearningRate, effectiveMethod, type MethodSettings } from "./methods/index.ts";
import { type DataForm, formOf, type Objective, objectiveOf } from "./objective.ts";
import { applied, type ValuesOf } from "./setting.ts";
import {
  type Columns,
  type DataFormat,
  datasetTable,
  evaluationTable,
  quantizationTable,
  readingTable,
  sourceTable,
  type TrainingSpec,
} from "./settings.ts";
import { type TrainingContext, type TrainingValues, trainingTable } from "./training.ts";

/** A file of examples and the shape of its rows; `columns` holds only the fields that the data name differently. */
export interface DataFile {
  uri: string;
  format: DataFormat;
  columns: Columns;
  /** Set only for a data set of the hub. */
  split: string | undefined;
  configuration: string | undefined;
}

export interface SourceSettings extends DataFile {
  /** How often an epoch sees each example. */
  weight: number;
}

export interface DatasetSettings {
  /** The content of a row, which the objective learns from. */
  form: DataForm;
  sources: readonly SourceSettings[];
  validation: { kind: "none" } | { kind: "fraction"; fraction: number } | { kind: "source"; file: DataFile };
  maxSequenceLength: number;
  packing: boolean;
  trainOn: "Responses" | "LastResponse" | "All";
  truncation: "End" | "OldestTurns" | "Drop" | "Refuse";
  /** Replaces the base's own templates. */
  chatTemplate: ChatTemplateChoice | undefined;
  /** Special tokens that the base's tokenizer gets. */
  addedTokens: readonly string[];
  /** Tokens of a long text that its next row repeats. */
  textOverlap: number;
  maxBadFraction: number;
}

/** The declared settings, with some in the form that the code uses. */
export type TrainingSettings = Omit<
  TrainingValues,
  "objective" | "maxSteps" | "epochs" | "batchTokens" | "learningRateSchedule" | "evaluation" | "earlyStopping"
> & {
  readonly objective: Objective;
  readonly length: { kind: "epochs"; epochs: number } | { kind: "steps"; steps: number };
  /** Packed rows per optimiser step. */
  readonly rowsPerStep: number;
  readonly schedule: LearningRateSchedule;
  /** Absent: ten evaluations per run. */
  readonly evaluateEverySteps: number | undefined;
  /** Evaluations without improvement; absent: never stops early. */
  readonly patience: number | undefined;
};
export type OptimizerSettings = TrainingValues["optimizer"];

export type EvaluationSettings = ValuesOf<typeof evaluationTable> & { readonly test: DataFile };

export type QuantizationSettings = ValuesOf<typeof quantizationTable>;

export interface EffectiveSettings {
  /** Without `quantization` the base keeps its stored type. */
  baseModel: { uri: string; revision?: string; quantization?: QuantizationSettings };
  dataset: DatasetSettings;
  method: MethodSettings;
  training: TrainingSettings;
  evaluation: EvaluationSettings | undefined;
}

/** Applies the defaults that the settings declare. */
export function effectiveSettings(spec: TrainingSpec): EffectiveSettings {
  const training = appliedTraining(spec);
  const dataset = effectiveDataset(spec.dataset, formOf[training.objective.type]);
  const method = effectiveMethod(spec.method);
  return {
    baseModel: effectiveBase(spec.baseModel),
    dataset,
    method,
    training: effectiveTraining(training, dataset.maxSequenceLength),
    evaluation: spec.evaluation && {
      test: dataFile(spec.evaluation.test),
      ...applied(evaluationTable, spec.evaluation),
    },
  };
}

/** The declared optimisation settings, with the defaults that depend on other sections. */
export function appliedTraining(spec: TrainingSpec): TrainingValues {
  const context: TrainingContext = {
    maxSequenceLength: applied(datasetTable, spec.dataset).maxSequenceLength,
    hasValidation: spec.dataset.validation !== undefined,
    learningRate: Number(defaultLearningRate(effectiveMethod(spec.method))),
  };
  return applied(trainingTable, spec.training, context);
}

export function effectiveBase({
  uri,
  revision,
  quantization,
}: TrainingSpec["baseModel"]): EffectiveSettings["baseModel"] {
  return {
    uri,
    ...(uri.startsWith("hf://") ? { revision: revision ?? "main" } : {}),
    ...(quantization === undefined ? {} : { quantization: applied(quantizationTable, quantization) }),
  };
}

export function effectiveDataset(dataset: TrainingSpec["dataset"], form: DataForm): DatasetSettings {
  const { validation } = dataset;
  const { badRows, ...settings } = applied(datasetTable, dataset);
  return {
    form,
    sources: dataset.sources.map((source) => ({ uri: source.uri, ...applied(sourceTable, source) })),
    validation:
      validation?.uri !== undefined
        ? { kind: "source", file: dataFile({ ...validation, uri: validation.uri }) }
        : validation?.fraction !== undefined
          ? { kind: "fraction", fraction: Number(validation.fraction) }
          : { kind: "none" },
    ...settings,
    maxBadFraction: badRows.maxFraction,
  };
}

export const dataFile = (file: TrainingSpec["dataset"]["sources"][number]): DataFile => ({
  uri: file.uri,
  ...applied(readingTable, file),
});

function effectiveTraining(values: TrainingValues, maxSequenceLength: number): TrainingSettings {
  const { objective, maxSteps, epochs, batchTokens, learningRateSchedule, evaluation, earlyStopping, ...settings } =
    values;
  return {
    ...settings,
    objective: objectiveOf(objective),
    length:
      maxSteps !== undefined ? { kind: "steps", steps: maxSteps } : { kind: "epochs", epochs: epochs ?? Number.NaN },
    rowsPerStep: Math.ceil(batchTokens / maxSequenceLength),
    schedule: learningRateSchedule,
    evaluateEverySteps: evaluation?.everySteps,
    patience: earlyStopping?.patience,
  };
}

export function effectiveExport(entry: ExportEntry): ExportSettings {
  const kind = exportKindOf(entry);
  switch (kind) {
    case "merged":
      return { kind, ...applied(mergedTable, entry.merged) };
    case "gguf":
      return { kind, ...applied(ggufTable, entry.gguf) };
    case "adapter":
      return { kind, ...applied(adapterTable, entry.adapter) };
    case "ggufAdapter":
      return { kind, ...applied(ggufAdapterTable, entry.ggufAdapter) };
  }
}
