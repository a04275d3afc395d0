/**
 * The run file: the complete input of a trainer process. Everything in it is resolved; the trainer looks nothing up in
 * the cluster. The operator puts it into a pod-template annotation; the command line writes it itself.
 */
import { z } from "zod";
import { digest } from "./digest.ts";
import { exportEntry } from "./exports.ts";
import { artifactsUri, location, modelUri } from "./locations.ts";
import { trainingSpec } from "./settings.ts";

const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));

/** Pins: the digests of the run's inputs. */
export const pins = z.strictObject({
  prepareKey: hex(64),
  baseRevision: z.string().max(128),
  baseDigest: digest,
  datasetDigest: digest,
  evaluationSetDigest: digest.optional(),
  /** Follows from `datasetDigest`, so it is not part of the run hash. */
  validationDigest: digest.optional(),
});
export type Pins = z.infer<typeof pins>;

const common = {
  version: z.literal(1),
  /** `<artifacts.uri>/<namespace>`: the only place the process writes to. */
  artifactRoot: artifactsUri,
  /** Endpoints and credentials of this stage's remote stores; for other stores the environment's credentials apply. */
  locations: z.array(location).max(32).optional(),
};

export const prepareFileSchema = z.strictObject({
  ...common,
  stage: z.literal("Prepare"),
  prepareKey: hex(64),
  baseModel: trainingSpec.shape.baseModel,
  dataset: trainingSpec.shape.dataset,
  /** The content that rows must have; absent: examples. */
  form: z.enum(["Pairs", "Labelled"]).optional(),
  evaluation: trainingSpec.shape.evaluation,
  /** The base is quantised for some methods, gets the adapters of others, and must fit all. */
  method: trainingSpec.shape.method.optional(),
  /** `training.routerAuxLoss`, which the base must fit too. */
  routerAuxLoss: z.string().max(40).optional(),
});

/** Compares the data's files with those that prepare read. */
export const checkFileSchema = z.strictObject({
  ...common,
  stage: z.literal("Check"),
  prepareKey: hex(64),
  dataset: trainingSpec.shape.dataset,
  evaluation: trainingSpec.shape.evaluation,
});

const trainFileSchema = z.strictObject({
  ...common,
  stage: z.literal("Train"),
  runHash: hex(64),
  specHash: hex(64),
  pins,
  spec: trainingSpec,
});

/** A directory that another program wrote. With `digest` its content must be that. */
const foreign = z.strictObject({ uri: modelUri, revision: z.string().max(128).optional(), digest: digest.optional() });
export type Foreign = z.infer<typeof foreign>;

export const exportFileSchema = z
  .strictObject({
    ...common,
    stage: z.literal("Export"),
    /** The run of the training; of an imported adapter the hash of its inputs (`importHash`). */
    runHash: hex(64),
    /** Digest of the adapter's manifest: the export merges exactly the trained adapter. */
    adapterDigest: digest.optional(),
    baseDigest: digest.optional(),
    /** An adapter that was trained elsewhere, and its base. */
    imported: z.strictObject({ adapter: foreign, base: foreign }).optional(),
    evaluationSetDigest: digest.optional(),
    export: exportEntry,
    /** Where the export is written. Default: below the run, in the artifact store. */
    destination: artifactsUri.optional(),
    /** The tag that names the artifact at `export.oci` last, beside that of the revision. */
    tag: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)
      .optional(),
  })
  .refine(
    ({ imported, adapterDigest, baseDigest }) =>
      imported !== undefined || (adapterDigest !== undefined && baseDigest !== undefined),
    { message: "adapterDigest and baseDigest are missing" },
  );

export const runFileSchema = z.discriminatedUnion("stage", [
  prepareFileSchema,
  checkFileSchema,
  trainFileSchema,
  exportFileSchema,
]);

export type PrepareFile = z.infer<typeof prepareFileSchema>;
export type CheckFile = z.infer<typeof checkFileSchema>;
export type TrainFile = z.infer<typeof trainFileSchema>;
export type ExportFile = z.infer<typeof exportFileSchema>;
export type RunFile = z.infer<typeof runFileSchema>;
