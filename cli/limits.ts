/** What a training may take: what its manifest's limits say, on this machine or on another. */
import { availableParallelism, totalmem } from "node:os";
import { quantityBytes, quantityNumber } from "../operator/api/quantity.ts";
import type { FineTuneJobManifest } from "./fineTuneJob.ts";

export interface Limits {
  readonly memoryBytes: number;
  readonly threads: number;
}

/** The manifest's `spec.placement.resources.limits`; what it does not limit is this machine's. */
export function limitsOf(job: FineTuneJobManifest): Limits {
  const { memory, cpu } = job.spec.placement.resources?.limits ?? {};
  const machine = machineLimits();
  const cores = quantityNumber(cpu);
  return {
    memoryBytes: quantityBytes(memory) ?? machine.memoryBytes,
    threads: cores === undefined ? machine.threads : Math.max(1, Math.ceil(cores)),
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
  const constrained = process.constrainedMemory();
  const memoryBytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return { memoryBytes, threads: availableParallelism() };
}
