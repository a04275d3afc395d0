/** Memory and cores that a training may use, by its manifest's limits. */
import { availableParallelism } from "node:os";
import { coreLimit, memoryLimit } from "../operator/finetunejob/fit.ts";
import { memoryOfProcess } from "../trainer/stages/trainPlan.ts";
import type { FineTuneJobManifest } from "./fineTuneJob.ts";

export interface Limits {
  readonly memoryBytes: number;
  readonly threads: number;
}

/** The manifest's `spec.placement.resources.limits`, with this machine's values for missing ones. */
export function limitsOf(job: FineTuneJobManifest): Limits {
  const machine = machineLimits();
  return {
    memoryBytes: memoryLimit(job.spec) ?? machine.memoryBytes,
    threads: coreLimit(job.spec) ?? machine.threads,
  };
}

/** The same, but at most this machine's memory and cores. */
export function limitsHere(job: FineTuneJobManifest): Limits {
  const [limits, machine] = [limitsOf(job), machineLimits()];
  return {
    memoryBytes: Math.min(limits.memoryBytes, machine.memoryBytes),
    threads: Math.min(limits.threads, machine.threads),
  };
}

/** The machine's memory and cores, within the limits of this process's control group. */
function machineLimits(): Limits {
  return { memoryBytes: memoryOfProcess(), threads: availableParallelism() };
}
