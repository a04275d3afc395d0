/** The batch Job of one attempt: a fully resolved run file, and only the artifact claim. Pure. */
import { locationsOf } from "../../trainer/contract/locations.ts";
import type { TrainFile } from "../../trainer/contract/runFile.ts";
import { applied } from "../../trainer/contract/setting.ts";
import { jobLifeTable } from "../api/jobLife.ts";
import type { FineTuneRun } from "../api/kinds.ts";
import { labels } from "../api/names.ts";
import { claimMounts } from "../jobs/claims.ts";
import { gpuOf, trainPlacement } from "../jobs/placement.ts";
import type { PodSettings } from "../jobs/podSettings.ts";
import { renderJob } from "../jobs/render.ts";
import type { Job } from "../jobs/resources.ts";

export function trainJob(run: FineTuneRun, attempted: Attempted): Job {
  const { spec } = run;
  const { jobName, trainerImage, pods, activeDeadlineSeconds } = attempted;
  const gpu = gpuOf(spec.execution.placement);
  const life = applied(jobLifeTable, spec.execution);
  return renderJob({
    name: jobName,
    owner: run,
    labels: {
      [labels.run]: run.metadata.name,
      ...(gpu?.product === undefined ? {} : { [labels.gpuClass]: gpu.product }),
    },
    runFile: runFileOf(run),
    claims: claimMounts({ read: [], write: spec.artifactRoot }),
    image: trainerImage,
    pods,
    scratchBytes: spec.execution.scratchBytes,
    checkpointBytes: spec.execution.checkpointBytes,
    placement: trainPlacement(spec.execution.placement),
    gpu,
    backoffLimit: life.backoffLimit,
    activeDeadlineSeconds,
    ttlSecondsAfterFinished: life.ttlSecondsAfterFinished,
  });
}

/** The values that differ between attempts. */
interface Attempted {
  jobName: string;
  trainerImage: string;
  pods: PodSettings;
  activeDeadlineSeconds: number | undefined;
}

/** The run file keeps the hashes that named the run: another release may hash in another way. */
function runFileOf({ spec }: FineTuneRun): TrainFile {
  return {
    version: 1,
    stage: "Train",
    artifactRoot: spec.artifactRoot,
    locations: locationsOf([{ ...spec.execution.artifacts, uri: spec.artifactRoot }]),
    runHash: spec.runHash,
    specHash: spec.specHash,
    pins: spec.pins,
    spec: spec.settings,
  };
}
