/**
 * Hashes that identify work by its content (docs/architecture.md, "Hashes"). Pure. The golden vectors in hashes.test.ts
 * never change: a changed hash would train finished work again.
 *
 * - `prepareKey`: the inputs of prepare. - `specHash`: effective settings without pins. - `runHash`: with pins.
 * None of them includes placement, checkpoint cadence, limits or images; all include the length of a packed row.
 */
import { createHash } from "node:crypto";
import { canonicalDecimal } from "./decimal.ts";
import { appliedTraining, type DataFile, effectiveBase, effectiveExport, effectiveSettings } from "./effective.ts";
import {
  adapterTable,
  type ExportEntry,
  type ExportSettings,
  ggufAdapterTable,
  ggufTable,
  mergedTable,
} from "./exports.ts";
import { canonicalMethod, givenSources, type MethodSettings, quantizesFor } from "./methods/index.ts";
import type { Pins } from "./runFile.ts";
import { applied, canonical, type Json } from "./setting.ts";
import {
  datasetTable,
  evaluationTable,
  laterReadingTable,
  quantizationTable,
  sourceTable,
  type TrainingSpec,
} from "./settings.ts";
import { trainingTable } from "./training.ts";

export const hashVersion = 1;

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

/** Omitted for a base that is not quantised: the hashes are older than the field. */
function quantizationOf({ baseModel }: TrainingSpec): { quantization?: Json } {
  const { quantization } = effectiveBase(baseModel);
  return quantization === undefined ? {} : { quantization: canonical(quantizationTable, quantization) };
}

/** The method, where the base is quantised for it. */
const quantizedFor = (method: MethodSettings): { quantizedFor?: Json } =>
  quantizesFor(method) ? { quantizedFor: canonicalMethod(method) } : {};

/** The adapters of the method, where it gets any. Absent: the hashes are older. */
function adaptersOf({ method }: TrainingSpec): { adapters?: Json } {
  const adapters = givenSources(method).map(({ uri, endpoint }) => ({ uri, endpoint }));
  return adapters.length === 0 ? {} : { adapters };
}

/** A test set whose format is detected is hashed as its URI alone: the hashes are older than its other fields. */
function testOf(file: DataFile): Json {
  const reading = canonical(laterReadingTable, file);
  return Object.keys(reading).length === 0 ? file.uri : { uri: file.uri, ...reading };
}

function inputs(spec: TrainingSpec): Json {
  const { baseModel, dataset, evaluation, method } = effectiveSettings(spec);
  const { validation } = dataset;
  const { badRows, ...settings } = canonical(datasetTable, applied(datasetTable, spec.dataset));
  return {
    base: baseModel.uri,
    // The same name on another endpoint is different content. Absent members do not change the hash.
    revision: baseModel.revision,
    endpoint: spec.baseModel.endpoint,
    ...quantizationOf(spec),
    ...quantizedFor(method),
    ...adaptersOf(spec),
    sources: dataset.sources.map((source, index) => ({
      uri: source.uri,
      endpoint: spec.dataset.sources[index]?.endpoint,
      ...canonical(sourceTable, source),
    })),
    validation:
      validation.kind === "fraction"
        ? { fraction: canonicalDecimal(validation.fraction) }
        : validation.kind === "source"
          ? {
              uri: validation.file.uri,
              endpoint: spec.dataset.validation?.endpoint,
              ...canonical(laterReadingTable, validation.file),
            }
          : null,
    ...settings,
    // Absent for a supervised training: the hashes are older than the objectives.
    form: dataset.form === "Examples" ? undefined : dataset.form,
    maxBadFraction: canonicalDecimal(dataset.maxBadFraction),
    test: evaluation ? testOf(evaluation.test) : null,
    testEndpoint: spec.evaluation?.test.endpoint,
  };
}

/** 64 hex digits. Two specs with the same key need the same bytes from prepare. */
export function prepareKey(spec: TrainingSpec): string {
  return sha256(canonicalJson({ hashVersion, kind: "prepare", inputs: inputs(spec) }));
}

/** The settings in hash version 1's form, which has its own names for some of them; new settings keep their names. */
function settings(spec: TrainingSpec): Json {
  const { method, training, evaluation, dataset } = effectiveSettings(spec);
  const declared = canonical(trainingTable, appliedTraining(spec));
  const {
    maxSteps,
    epochs,
    batchTokens: _,
    learningRateSchedule,
    evaluation: __,
    earlyStopping: ___,
    ...rest
  } = declared;
  const { maxNewTokens = null, ...measured } = evaluation ? canonical(evaluationTable, evaluation) : {};
  return {
    ...rest,
    method: canonicalMethod(method),
    length: maxSteps === undefined ? { epochs } : { steps: maxSteps },
    rowsPerStep: training.rowsPerStep,
    rowTokens: dataset.maxSequenceLength,
    schedule: learningRateSchedule,
    evaluateEverySteps: training.evaluateEverySteps ?? null,
    patience: training.patience ?? null,
    maxNewTokens,
    ...measured,
  };
}

/** 64 hex digits: the settings and the URIs of their inputs, without pins. */
export function specHash(spec: TrainingSpec): string {
  return sha256(canonicalJson({ hashVersion, kind: "spec", inputs: inputs(spec), settings: settings(spec) }));
}

/** 64 hex digits: the settings and the pinned content of their inputs. A hash is never trained twice. */
export function runHash(spec: TrainingSpec, pins: Pins): string {
  const content = {
    base: pins.baseDigest,
    ...quantizationOf(spec),
    dataset: pins.datasetDigest,
    evaluationSet: pins.evaluationSetDigest ?? null,
  };
  return sha256(canonicalJson({ hashVersion, kind: "run", content, settings: settings(spec) }));
}

/**
 * Trainings with the same digest have comparable validation losses. It is the digest of the held-out tokens; for a loss other
 * than the plain supervised one, the objective and the label smoothing are hashed with it.
 */
export function validationLossDigest(spec: TrainingSpec, validationDigest: string): string {
  const { objective, labelSmoothing } = canonical(trainingTable, appliedTraining(spec));
  if (objective === undefined && labelSmoothing === undefined) return validationDigest;
  return `sha256:${sha256(canonicalJson({ hashVersion, kind: "validationLoss", validationDigest, objective, labelSmoothing }))}`;
}

/** 64 hex digits: an adapter that was trained elsewhere and its base, by their names. */
export function importHash(adapter: ImportedName, base: ImportedName): string {
  const named = ({ uri, revision, endpoint }: ImportedName): Json => ({ uri, revision, endpoint });
  return sha256(canonicalJson({ hashVersion, kind: "import", adapter: named(adapter), base: named(base) }));
}

interface ImportedName {
  readonly uri: string;
  readonly revision?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** The canonical form of an export's content: writing out a default, or a repository that it is pushed to, does not change it. */
export function canonicalExport(entry: ExportEntry): string {
  const settings = effectiveExport(entry);
  return canonicalJson({ name: entry.name, [settings.kind]: canonicalSettings(settings) });
}

function canonicalSettings(settings: ExportSettings): Json {
  switch (settings.kind) {
    case "merged":
      return canonical(mergedTable, settings);
    case "gguf":
      return canonical(ggufTable, settings);
    case "adapter":
      return canonical(adapterTable, settings);
    case "ggufAdapter":
      return canonical(ggufAdapterTable, settings);
  }
}
