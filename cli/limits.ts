/** What a training may take: what its manifest's limits say, on this machine or on another. */
import { availableParallelism } from "node:os";
import { coreLimit, memoryLimit } from "../operator/finetunejob/fit.ts";
import { memoryOfProcess } from "../trainer/stages/trainPlan.ts";
import type { FineTuneJobManifest } from "./fineTuneJob.ts";

export interface Limits {
  readonly memoryBytes: number;
  readonly threads: number;
}

/** The manifest's `spec.placement.resources.limits`; what it does not limit is this machine's. */
export function limitsOf(job: FineTuneJobManifest): Limits {
  const machine = machineLimits();
  return {
    memoryBytes: memoryLimit(job.spec) ?? machine.memoryBytes,
    threads: coreLimit(job.spec) ?? machine.threads,
  };
}

/** The same where this machine has as much, else what it has. */
export function limitsHere(job: FineTuneJobManifest): Limits {
  const [limits, machine] = [limitsOf(job), machineLimits()];
  return {
    memoryBytes: Math.min(limits.memoryBytes, machine.memoryBytes),
    threads: Math.min(limits.threads, machine.threads),
  };
}

/** The machine's memory and cores, or what its control group allows of them. */
function machineLimits(): Limits {
  return { memoryBytes: memoryOfProcess(), threads: availableParallelism() };
}
