/**
 * Names of work by its content (docs/architecture.md, "Hashes"). Pure; golden vectors in hashes.test.ts never change:
 * a changed hash would train finished work again.
 *
 * - `prepareKey`: what prepare reads. - `specHash`: effective settings without pins. - `runHash`: with pins.
 * Placement, checkpoint cadence, limits and images are in none of them; the length of a packed row is.
 */
import { createHash } from "node:crypto";
import { canonicalDecimal } from "./decimal.ts";
import { type DataFile, effectiveBase, effectiveExport, effectiveSettings } from "./effective.ts";
import { canonicalMethod } from "./methods/index.ts";
import type { Pins } from "./runFile.ts";
import type { ExportEntry, TrainingSpec } from "./settings.ts";

export const hashVersion = 1;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** JSON with sorted keys and no undefined members (RFC 8785 for the values used here: strings, integers, decimals as strings). */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value)
    .filter((entry): entry is [string, Json] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Left out for a base that is not quantised: the hashes are older than the field. */
function quantizationOf(spec: TrainingSpec): { quantization?: Json } {
  const { quantization } = effectiveBase(spec.baseModel);
  return quantization === undefined ? {} : { quantization: { ...quantization } };
}

/** Left out where the data name their fields as the format does: the hashes are older than the field. */
const columnsOf = ({ columns }: DataFile): { columns?: Json } =>
  Object.keys(columns).length === 0 ? {} : { columns: { ...columns } };

/** How a file that the hashes knew by its URI alone is read, where that is said. */
const readingOf = (file: DataFile): { format?: Json; columns?: Json } => ({
  ...(file.format === "Auto" ? {} : { format: file.format }),
  ...columnsOf(file),
});

/** A test set whose form is detected is its URI: the hashes are older than its other fields. */
function testOf(file: DataFile): Json {
  const reading = readingOf(file);
  return Object.keys(reading).length === 0 ? file.uri : { uri: file.uri, ...reading };
}

function inputs(spec: TrainingSpec): Json {
  const { baseModel, dataset, evaluation } = effectiveSettings(spec);
  const { validation } = dataset;
  return {
    base: baseModel.uri,
    // The same name elsewhere is other content; members that are absent leave the hashes as they were without them.
    revision: baseModel.revision,
    endpoint: spec.baseModel.endpoint,
    ...quantizationOf(spec),
    sources: dataset.sources.map((source, index) => ({
      uri: source.uri,
      format: source.format,
      endpoint: spec.dataset.sources[index]?.endpoint,
      ...columnsOf(source),
      ...(source.weight === 1 ? {} : { weight: canonicalDecimal(source.weight) }),
    })),
    validation:
      validation.kind === "fraction"
        ? { fraction: canonicalDecimal(validation.fraction) }
        : validation.kind === "source"
          ? { uri: validation.file.uri, endpoint: spec.dataset.validation?.endpoint, ...readingOf(validation.file) }
          : null,
    maxSequenceLength: dataset.maxSequenceLength,
    packing: dataset.packing,
    trainOn: dataset.trainOn,
    maxBadFraction: canonicalDecimal(dataset.maxBadFraction),
    test: evaluation ? testOf(evaluation.test) : null,
    testEndpoint: spec.evaluation?.test.endpoint,
  };
}

/** 64 hex digits. Two specs with the same key ask prepare for the same bytes. */
export function prepareKey(spec: TrainingSpec): string {
  return sha256(canonicalJson({ hashVersion, kind: "prepare", inputs: inputs(spec) }));
}

function settings(spec: TrainingSpec): Json {
  const { method, training, evaluation, dataset } = effectiveSettings(spec);
  return {
    method: canonicalMethod(method),
    length:
      training.length.kind === "epochs"
        ? { epochs: canonicalDecimal(training.length.epochs) }
        : { steps: training.length.steps },
    rowsPerStep: training.rowsPerStep,
    rowTokens: dataset.maxSequenceLength,
    learningRate: canonicalDecimal(training.learningRate),
    schedule: { type: training.schedule.type, warmupRatio: canonicalDecimal(training.schedule.warmupRatio) },
    optimizer: {
      type: training.optimizer.type,
      weightDecay: canonicalDecimal(training.optimizer.weightDecay),
      beta1: canonicalDecimal(training.optimizer.beta1),
      beta2: canonicalDecimal(training.optimizer.beta2),
      epsilon: canonicalDecimal(training.optimizer.epsilon),
    },
    maxGradNorm: canonicalDecimal(training.maxGradNorm),
    seed: training.seed,
    precision: training.precision,
    evaluateEverySteps: training.evaluateEverySteps ?? null,
    patience: training.patience ?? null,
    keep: training.keep,
    maxNewTokens: evaluation?.maxNewTokens ?? null,
  };
}

/** 64 hex digits: the settings and where their inputs are named, without pins. */
export function specHash(spec: TrainingSpec): string {
  return sha256(canonicalJson({ hashVersion, kind: "spec", inputs: inputs(spec), settings: settings(spec) }));
}

/** 64 hex digits: the settings and the pinned content of their inputs. The same hash is never trained twice. */
export function runHash(spec: TrainingSpec, pins: Pins): string {
  const content = {
    base: pins.baseDigest,
    ...quantizationOf(spec),
    dataset: pins.datasetDigest,
    evaluationSet: pins.evaluationSetDigest ?? null,
  };
  return sha256(canonicalJson({ hashVersion, kind: "run", content, settings: settings(spec) }));
}

/** An export in its one spelling: what is as it is by default is left out, so a default that is written out says nothing. */
export function canonicalExport({ name, merged }: ExportEntry): string {
  const { base, dtype, maxShardBytes } = effectiveExport({ merged });
  const usual = effectiveExport({ merged: { base } });
  return canonicalJson({
    name,
    merged: {
      ...(base === "Original" ? {} : { base }),
      ...(dtype === usual.dtype ? {} : { dtype }),
      ...(maxShardBytes === usual.maxShardBytes ? {} : { maxShardBytes }),
    },
  });
}
