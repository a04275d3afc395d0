/**
 * Settings with every default applied: what the trainer runs and the operator shows. Pure; a number here is a number.
 */
import { defaultLearningRate, effectiveMethod, type MethodSettings } from "./methods/index.ts";
import type { Columns, DataFormat, ExportEntry, Precision, TrainingSpec } from "./settings.ts";

export interface OptimizerSettings {
  type: "AdamW";
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** A file of examples and what its rows look like; `columns` holds only the fields that the data call otherwise. */
export interface DataFile {
  uri: string;
  format: DataFormat;
  columns: Columns;
}

export interface SourceSettings extends DataFile {
  /** How often an epoch sees each example. */
  weight: number;
}

export interface DatasetSettings {
  sources: readonly SourceSettings[];
  validation: { kind: "none" } | { kind: "fraction"; fraction: number } | { kind: "source"; file: DataFile };
  maxSequenceLength: number;
  packing: boolean;
  trainOn: "Responses" | "LastResponse" | "All";
  maxBadFraction: number;
}

export interface TrainingSettings {
  length: { kind: "epochs"; epochs: number } | { kind: "steps"; steps: number };
  /** Packed rows of an optimiser step. */
  rowsPerStep: number;
  learningRate: number;
  schedule: { type: "Constant" | "Linear" | "Cosine"; warmupRatio: number };
  optimizer: OptimizerSettings;
  /** 0: not clipped. */
  maxGradNorm: number;
  seed: number;
  precision: Precision;
  /** Absent: ten times a run. */
  evaluateEverySteps: number | undefined;
  /** Evaluations without improvement; absent: never stops early. */
  patience: number | undefined;
  keep: "Best" | "Last";
  checkpoint: { everySteps: number; keep: number };
}

export interface EvaluationSettings {
  test: DataFile;
  maxNewTokens: number;
}

export interface QuantizationSettings {
  type: "NF4";
  doubleQuantization: boolean;
}

export interface EffectiveSettings {
  /** Without `quantization` the base is held as it is stored. */
  baseModel: { uri: string; revision?: string; quantization?: QuantizationSettings };
  dataset: DatasetSettings;
  method: MethodSettings;
  training: TrainingSettings;
  evaluation: EvaluationSettings | undefined;
}

export interface ExportSettings {
  base: "Original" | "Dequantized";
  dtype: "F32" | "BF16";
  maxShardBytes: number;
}

/** Applies the defaults that settings.ts documents. */
export function effectiveSettings(spec: TrainingSpec): EffectiveSettings {
  const dataset = effectiveDataset(spec.dataset);
  const method = effectiveMethod(spec.method);
  return {
    baseModel: effectiveBase(spec.baseModel),
    dataset,
    method,
    training: effectiveTraining(spec.training, dataset, method),
    evaluation: spec.evaluation && {
      test: dataFile(spec.evaluation.test),
      maxNewTokens: spec.evaluation.maxNewTokens ?? 16,
    },
  };
}

export function effectiveBase(base: TrainingSpec["baseModel"]): EffectiveSettings["baseModel"] {
  const { uri, quantization } = base;
  const named = uri.startsWith("hf://") ? { uri, revision: base.revision ?? "main" } : { uri };
  if (quantization === undefined) return named;
  return {
    ...named,
    quantization: { type: quantization.type, doubleQuantization: quantization.doubleQuantization ?? true },
  };
}

function effectiveDataset(dataset: TrainingSpec["dataset"]): DatasetSettings {
  const { validation } = dataset;
  return {
    sources: dataset.sources.map((source) => ({ ...dataFile(source), weight: Number(source.weight ?? "1") })),
    validation:
      validation?.uri !== undefined
        ? { kind: "source", file: dataFile({ ...validation, uri: validation.uri }) }
        : validation?.fraction !== undefined
          ? { kind: "fraction", fraction: Number(validation.fraction) }
          : { kind: "none" },
    maxSequenceLength: dataset.maxSequenceLength ?? 1024,
    packing: dataset.packing ?? true,
    trainOn: dataset.trainOn ?? "Responses",
    maxBadFraction: Number(dataset.badRows?.maxFraction ?? "0"),
  };
}

/** A field that is called what it is called anyway says nothing. */
export function dataFile({ uri, format, columns }: TrainingSpec["dataset"]["sources"][number]): DataFile {
  const renamed = Object.entries(columns ?? {}).filter(([field, name]) => name !== undefined && name !== field);
  return { uri, format: format ?? "Auto", columns: Object.fromEntries(renamed) };
}

function effectiveTraining(
  training: TrainingSpec["training"] = {},
  dataset: DatasetSettings,
  method: MethodSettings,
): TrainingSettings {
  const optimizer = training.optimizer;
  return {
    length:
      training.maxSteps !== undefined
        ? { kind: "steps", steps: training.maxSteps }
        : { kind: "epochs", epochs: Number(training.epochs ?? "1") },
    rowsPerStep: training.batchTokens === undefined ? 16 : Math.ceil(training.batchTokens / dataset.maxSequenceLength),
    learningRate: Number(training.learningRate ?? defaultLearningRate(method)),
    schedule: {
      type: training.learningRateSchedule?.type ?? "Cosine",
      warmupRatio: Number(training.learningRateSchedule?.warmupRatio ?? "0.03"),
    },
    optimizer: {
      type: "AdamW",
      weightDecay: Number(optimizer?.weightDecay ?? "0.01"),
      beta1: Number(optimizer?.beta1 ?? "0.9"),
      beta2: Number(optimizer?.beta2 ?? "0.999"),
      epsilon: Number(optimizer?.epsilon ?? "1e-8"),
    },
    maxGradNorm: Number(training.maxGradNorm ?? "1"),
    seed: training.seed ?? 42,
    precision: training.precision ?? "BF16",
    evaluateEverySteps: training.evaluation?.everySteps,
    patience: training.earlyStopping?.patience,
    keep: training.keep ?? (dataset.validation.kind === "none" ? "Last" : "Best"),
    checkpoint: { everySteps: training.checkpoint?.everySteps ?? 100, keep: training.checkpoint?.keep ?? 2 },
  };
}

/** What was dequantised is in F32: rounded to BF16 it would no longer be what was trained on. */
export function effectiveExport({ merged }: Pick<ExportEntry, "merged">): ExportSettings {
  const base = merged.base ?? "Original";
  const dtype = merged.dtype ?? (base === "Dequantized" ? "F32" : "BF16");
  return { base, dtype, maxShardBytes: merged.maxShardBytes ?? 5_000_000_000 };
}
