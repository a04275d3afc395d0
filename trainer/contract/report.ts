/**
 * A trainer pod's final report: an envelope under 3.5 KiB in the termination message (the kubelet keeps 4,096 bytes),
 * and the full text in the store as report.json. The operator treats both as untrusted.
 */
import { z } from "zod";
import { digest } from "./digest.ts";
import { longestGgufRefusal } from "./exports.ts";
import { modelConfig } from "./model.ts";
import { furtherMetric, type TaskMetricName } from "./taskMetrics.ts";

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const finite = z.number().min(-1e30).max(1e30);
const text = (max: number) => z.string().max(max);

/** The most patterns of layers that are not quantised. */
export const mostUnquantized = 32;

/** The pins and counts of prepare. */
export const prepareFigures = z.object({
  prepareKey: text(80),
  baseRevision: text(128),
  baseDigest: digest,
  datasetDigest: digest,
  evaluationSetDigest: digest.optional(),
  /** Digest of the tokens that are held out for validation, with their loss flags and the answers' roles. */
  validationDigest: digest.optional(),
  model: modelConfig,
  /** Stored type of the base's tensors; if its linear layers were quantised, of the other tensors. */
  baseDataType: z.enum(["F32", "BF16"]),
  baseBytes: count,
  /** Present if the linear layers of the base `baseDigest` are quantised, by prepare or by the base's makers. */
  quantized: z
    .object({
      type: z.enum(["NF4"]),
      doubleQuantization: z.boolean(),
      bytes: count,
      /** Linear layers that are not, by the ends of their names. */
      unquantized: z.array(text(96)).max(mostUnquantized).optional(),
    })
    .optional(),
  /** Why no GGUF file can hold this model. */
  ggufRefusal: text(longestGgufRefusal).optional(),
  dataset: z.object({
    examples: count,
    validationExamples: count,
    testExamples: count,
    tokens: count,
    trainedTokens: count,
    /** Packed rows of `maxSequenceLength` tokens. */
    rows: count,
    truncatedExamples: count,
    duplicateExamples: count,
    badRows: count,
    /** Dropped: their answers begin beyond `maxSequenceLength`, so nothing of them could be learnt. */
    overlongExamples: count.optional(),
    /** Dropped: their prompts do not fit. */
    overlongTestExamples: count.optional(),
    /** File and line of the first overlong row. */
    firstOverlong: text(160).optional(),
    /** Columns that hold something and are not read; the last entry may count others. */
    ignoredColumns: z.array(text(72)).max(8).optional(),
    /** Texts held out for validation or the test that are also in the training data. */
    leakedExamples: count.optional(),
  }),
});

/** The result of a check of the data: their files now, beside those that prepare read. */
export const checkFigures = z.object({
  prepareKey: text(80),
  changed: z.boolean(),
  files: count,
  bytes: count,
  /** Absent if the files that prepare read are not recorded; the data then count as changed. */
  before: z
    .object({
      bytes: count,
      /** Files that prepare did not read, that are gone, and whose version differs. */
      added: count,
      removed: count,
      modified: count,
    })
    .optional(),
});

const share = z.number().min(0).max(1);

/** The task metrics on the held-out examples. A metric is absent if it was not asked for, or its figure is not finite. */
export const evaluationFigures = z.object({
  /** Share of the examples whose greedy answer equals the reference. */
  exactMatch: share.optional(),
  examples: count,
  /** Share of the commonest reference answer: the exact match of always giving that answer. Beside `exactMatch`. */
  majorityShare: share.optional(),
  /** The other metrics by name. */
  metrics: z.partialRecord(furtherMetric, finite.min(0)).optional(),
});

export const trainFigures = z.object({
  runHash: text(80),
  steps: count,
  bestStep: count,
  loss: finite,
  evalLoss: finite.optional(),
  /** Figures of preferences on the validation data. */
  evalRewardAccuracy: finite.optional(),
  evalRewardMargin: finite.optional(),
  evaluationBefore: evaluationFigures.optional(),
  evaluationAfter: evaluationFigures.optional(),
  trainableParameters: count,
  totalParameters: count,
  trainedTokens: count,
  tokensPerSecond: finite,
  seconds: finite,
  predictedPeakBytes: count,
  measuredPeakBytes: count,
  resumes: count,
  adapterDigest: digest,
  adapterBytes: count,
  numericsVersion: count,
  isa: text(32),
});

/** The settings of the training that a model card names. */
export const reportedSettings = z.looseObject({
  dataset: z.looseObject({
    sources: z.array(z.looseObject({ uri: z.string() })),
    maxSequenceLength: z.number(),
  }),
  training: z.looseObject({
    objective: z.looseObject({ type: z.string() }),
    length: z.union([
      z.object({ kind: z.literal("epochs"), epochs: z.number() }),
      z.object({ kind: z.literal("steps"), steps: z.number() }),
    ]),
    rowsPerStep: z.number(),
    learningRate: z.number(),
    schedule: z.looseObject({ type: z.string() }),
    precision: z.string(),
    seed: z.number(),
  }),
});
export type ReportedSettings = z.infer<typeof reportedSettings>;

const exportFigures = z.object({
  name: text(63),
  digest,
  sizeBytes: count,
  shards: count,
  /** Base with adapter compared with the merged model that was read back, on held-out prompts. */
  maxLogitDifference: finite,
  klDivergence: finite,
  /** Digest of the manifest at the registry. */
  artifactDigest: digest.optional(),
  /** Bytes of the artifact, and those that were uploaded because the registry did not have them. */
  artifactBytes: count.optional(),
  uploadedBytes: count.optional(),
});

const outcome = z.enum(["Succeeded", "Stopped", "Failed"]);

const envelopeBase = {
  v: z.literal(1),
  outcome,
  /** CamelCase, for a condition's reason. */
  reason: z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/),
  message: text(1024),
  reportDigest: digest.optional(),
};

/** The termination message. */
export const envelope = z.discriminatedUnion("stage", [
  z.object({ ...envelopeBase, stage: z.literal("Prepare"), figures: prepareFigures.optional() }),
  z.object({ ...envelopeBase, stage: z.literal("Check"), figures: checkFigures.optional() }),
  z.object({ ...envelopeBase, stage: z.literal("Train"), figures: trainFigures.optional() }),
  z.object({ ...envelopeBase, stage: z.literal("Export"), figures: exportFigures.optional() }),
]);

export type Envelope = z.infer<typeof envelope>;
export type PrepareFigures = z.infer<typeof prepareFigures>;
export type CheckFigures = z.infer<typeof checkFigures>;
export type TrainFigures = z.infer<typeof trainFigures>;
export type ExportFigures = z.infer<typeof exportFigures>;
export type EvaluationFigures = z.infer<typeof evaluationFigures>;

/** The figure of a metric; undefined if it was not measured. */
export const figureOf = ({ exactMatch, metrics }: EvaluationFigures, name: TaskMetricName): number | undefined =>
  name === "ExactMatch" ? exactMatch : metrics?.[name];

export const envelopeLimitBytes = 3584;

/** Parses a termination message; undefined when it is not a valid envelope (truncated, empty, hostile). */
export function parseEnvelope(message: string): Envelope | undefined {
  if (message.length > 4096) return undefined;
  try {
    const parsed = envelope.safeParse(JSON.parse(message));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
