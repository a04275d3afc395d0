/**
 * Adapter: one immutable revision of a result. It has no owner, so deleting its FineTuneJob keeps it. Measurements are in
 * its spec, because a status is lost when objects are restored from a backup.
 */
import { z } from "zod";
import { exportList } from "../../trainer/contract/exports.ts";
import { artifactsUri, modelUri } from "../../trainer/contract/locations.ts";
import { distinct } from "../../trainer/contract/rules.ts";
import { writtenShape } from "../../trainer/contract/setting.ts";
import { evaluationSetup } from "../../trainer/contract/settings.ts";
import {
  count,
  digest,
  figure,
  hash64,
  helperMemoryLimit,
  longest,
  lostReports,
  resolvedPlacement,
  results,
  statusCommon,
  text,
} from "./common.ts";
import { artifactsAccess } from "./fineTuneRun.ts";
import { ttlTable } from "./jobLife.ts";

/** A change takes effect with the next export. */
const adapterExecution = z
  .strictObject({
    placement: resolvedPlacement.optional(),
    ...writtenShape(ttlTable),
    artifacts: artifactsAccess.optional(),
  })
  .meta({ description: "Placement and resources of the export pods." });

export const adapterSpec = z.strictObject({
  revision: z
    .int()
    .min(1)
    .max(1_000_000)
    .meta({ description: "Revision number among the Adapters of one FineTuneJob." }),
  format: z.enum(["PEFT", "Full"]).meta({ description: "PEFT: adapter weights; Full: all weights of a model." }),
  baseModel: z.strictObject({ uri: modelUri, revision: text(128), digest }),
  source: z.strictObject({ uri: artifactsUri, digest }).meta({ description: "Location of the weights." }),
  provenance: z
    .strictObject({
      runName: text(63),
      runHash: hash64,
      specHash: hash64,
      hashVersion: z.int().min(1).max(1000),
      prepareKey: hash64,
      baseDigest: digest,
      datasetDigest: digest,
      evaluationSetDigest: digest.optional(),
      validationDigest: digest.optional(),
      evaluation: z.strictObject(writtenShape(evaluationSetup)).optional().meta({
        description: "How metrics other than ExactMatch were measured; figures are compared only if it is the same.",
      }),
      trainerImage: text(512),
      numericsVersion: count,
    })
    .meta({ description: "Origin of the Adapter: run, inputs and trainer." }),
  results: results.optional(),
  artifactRoot: artifactsUri,
  execution: adapterExecution,
  exports: exportList.optional(),
});
export type AdapterSpec = z.infer<typeof adapterSpec>;

export const exportStatus = z.object({
  name: text(63),
  key: z.string().length(16).meta({ description: "Hash of the requested export." }),
  jobName: text(63),
  state: z.enum(["Pending", "Running", "Ready", "Failed"]),
  uri: text(1200).optional(),
  digest: digest.optional(),
  sizeBytes: count.optional(),
  shards: count.optional(),
  artifact: z
    .object({
      uri: text(400),
      tags: z.array(text(128)).max(2).meta({ description: "The tag of the revision, and that of the promoted one." }),
      sizeBytes: count.optional(),
    })
    .optional()
    .meta({ description: "The files at the registry: the repository with the digest, and the tags that name it." }),
  verified: z
    .object({ maxLogitDifference: figure, klDivergence: figure })
    .optional()
    .meta({ description: "Comparison of base and adapter with the export that was read back." }),
  reason: text(longest.reason).optional(),
  message: text(longest.message).optional(),
  memoryLimit: helperMemoryLimit,
  lostReports: lostReports.optional(),
});
export type ExportStatus = z.infer<typeof exportStatus>;

export const adapterStatus = z.object({
  ...statusCommon,
  state: text(32).optional(),
  exports: distinct(z.array(exportStatus).max(8), "name").optional(),
});
export type AdapterStatus = z.infer<typeof adapterStatus>;
