/**
 * FineTuneRun: one training run. Its name is the hash of everything that affects the training, so the name is the mutex in
 * the namespace. Everything but `execution` is immutable. It outlives its batch Jobs; deleting a failed run retries from
 * its last checkpoint.
 */
import { z } from "zod";
import { access, artifactsUri } from "../../trainer/contract/locations.ts";
import { distinct } from "../../trainer/contract/rules.ts";
import { writtenShape } from "../../trainer/contract/setting.ts";
import { trainingSpec } from "../../trainer/contract/settings.ts";
import { count, hash64, longest, placement, progress, results, statusCommon, text, time } from "./common.ts";
import { pinsStatus } from "./fineTuneJob.ts";
import { jobLifeTable } from "./jobLife.ts";

/** Mutable: endpoints move, and Secrets are renamed. */
export const artifactsAccess = z
  .strictObject(access)
  .meta({ description: "Access to the artifact store, if it is remote." });

export const execution = z
  .strictObject({
    placement,
    ...writtenShape(jobLifeTable),
    artifacts: artifactsAccess.optional(),
    scratchBytes: count.optional().meta({
      description: "Local disk space for the files that the pod fetches from a remote store.",
    }),
    checkpointBytes: count.optional().meta({
      description: "Size of a checkpoint, from which the pod's time to stop follows.",
    }),
  })
  .meta({ description: "Placement, limits and store access. A change takes effect with the next attempt." });

export const fineTuneRunSpec = z.strictObject({
  runHash: hash64,
  specHash: hash64,
  hashVersion: z.int().min(1).max(1000),
  pins: z.strictObject(pinsStatus.shape),
  settings: trainingSpec.meta({ description: "The settings of the training with every default written out." }),
  artifactRoot: artifactsUri,
  execution,
});
export type FineTuneRunSpec = z.infer<typeof fineTuneRunSpec>;

export const attempt = z.object({
  number: z.int().min(1).max(1_000_000),
  jobName: text(63),
  jobUID: text(64).optional().meta({ description: "UID of the Job. Absent: the Job is not created yet." }),
  trainerImage: text(512).optional().meta({ description: "Trainer image of this attempt." }),
  startedAt: time,
  endedAt: time.optional(),
  outcome: z.enum(["Succeeded", "Stopped", "Failed", "Lost"]).optional(),
  reason: text(longest.reason).optional(),
  message: text(longest.message).optional(),
  exitCode: z.int().min(0).max(255).optional(),
  checkpointStep: count.optional().meta({ description: "Step of the newest checkpoint of this attempt." }),
});
export type Attempt = z.infer<typeof attempt>;

export const fineTuneRunStatus = z.object({
  ...statusCommon,
  state: text(32).optional(),
  attempts: distinct(z.array(attempt).max(32), "number").optional(),
  crashes: count.optional().meta({ description: "Failed attempts since the last new checkpoint." }),
  runningSeconds: count
    .optional()
    .meta({ description: "Duration of the ended attempts in seconds, waiting included." }),
  queuedSince: time.optional().meta({
    description:
      "Since when the run has waited for its turn, because the namespace's limit of concurrent runs is reached.",
  }),
  progress: progress.optional(),
  lastCheckpointStep: count.optional(),
  results: results.optional(),
});
export type FineTuneRunStatus = z.infer<typeof fineTuneRunStatus>;
