/**
 * FineTuneRun: one run, a fact. Named by the hash of what matters to the training, so its name is the mutex in its
 * namespace. Everything but `execution` is immutable. It outlives its batch Jobs; deleting a failed one tries again
 * from its last checkpoint.
 */
import { z } from "zod";
import { access, artifactsUri } from "../../trainer/contract/locations.ts";
import { distinct } from "../../trainer/contract/rules.ts";
import { writtenShape } from "../../trainer/contract/setting.ts";
import { trainingSpec } from "../../trainer/contract/settings.ts";
import { count, hash64, longest, placement, progress, results, statusCommon, text, time } from "./common.ts";
import { pinsStatus } from "./fineTuneJob.ts";
import { jobLifeTable } from "./jobLife.ts";

/** May change: endpoints move, Secrets are renamed. */
export const artifactsAccess = z
  .strictObject(access)
  .meta({ description: "How the artifact store is reached, where it is a remote one." });

export const execution = z
  .strictObject({
    placement,
    ...writtenShape(jobLifeTable),
    artifacts: artifactsAccess.optional(),
    scratchBytes: count.optional().meta({
      description: "Local space that the pod needs for what it fetches from a remote store.",
    }),
    checkpointBytes: count.optional().meta({
      description: "Size of a checkpoint: a pod that is asked to stop has time to write one.",
    }),
  })
  .meta({ description: "Where and how long it runs: may change, and takes effect with the next attempt." });

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
  jobUID: text(64).optional().meta({ description: "Absent: about to be created." }),
  trainerImage: text(512).optional().meta({ description: "The image that this attempt runs." }),
  startedAt: time,
  endedAt: time.optional(),
  outcome: z.enum(["Succeeded", "Stopped", "Failed", "Lost"]).optional(),
  reason: text(longest.reason).optional(),
  message: text(longest.message).optional(),
  exitCode: z.int().min(0).max(255).optional(),
  checkpointStep: count.optional().meta({ description: "Step of the newest checkpoint seen in this attempt." }),
});
export type Attempt = z.infer<typeof attempt>;

export const fineTuneRunStatus = z.object({
  ...statusCommon,
  state: text(32).optional(),
  attempts: distinct(z.array(attempt).max(32), "number").optional(),
  crashes: count.optional().meta({ description: "Attempts that ended badly since the last new checkpoint." }),
  runningSeconds: count.optional().meta({ description: "Time of the attempts that have ended, waiting included." }),
  progress: progress.optional(),
  lastCheckpointStep: count.optional(),
  results: results.optional(),
});
export type FineTuneRunStatus = z.infer<typeof fineTuneRunStatus>;
