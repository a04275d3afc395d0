/** The question to the planner whether a run fits, and its answer as a message. Pure. */
import { createHash } from "node:crypto";
import { formatBytes } from "../../trainer/contract/bytes.ts";
import { canonicalJson } from "../../trainer/contract/hashes.ts";
import type { Pins } from "../../trainer/contract/runFile.ts";
import { trainingPart, withDefaults } from "../../trainer/contract/writtenOut.ts";
import type { Placement } from "../api/common.ts";
import type { FineTuneJobSpec, PlanStatus } from "../api/fineTuneJob.ts";
import { quantityBytes, quantityNumber } from "../api/quantity.ts";
import { takes } from "../jobs/nodes.ts";
import { trainPlacement } from "../jobs/placement.ts";
import type { LimitRange, Node } from "../jobs/resources.ts";

/** The memory limit that the user sets; undefined: all memory of a node. */
export function memoryLimit(spec: FineTuneJobSpec): number | undefined {
  return quantityBytes(spec.placement.resources?.limits?.memory);
}

/** Memory that a training may use, and the source of that bound. */
export interface MemoryBound {
  bytes: number;
  from: string;
}

/** The limit of the training's pod: the user's, else the default of a LimitRange; undefined: a node's memory. */
export function podMemory(spec: FineTuneJobSpec, limitRanges: readonly LimitRange[] = []): MemoryBound | undefined {
  const own = memoryLimit(spec);
  if (own !== undefined) return { bytes: own, from: "placement.resources.limits.memory" };
  const defaults = limitRanges.flatMap(({ metadata, spec }) =>
    (spec?.limits ?? [])
      .filter(({ type }) => type === "Container")
      .map((limits) => ({ bytes: quantityBytes(limits.default?.memory), from: `${limitRangeWords} ${metadata.name}` })),
  );
  // Kubernetes does not define which of several LimitRanges applies: take the smallest.
  return defaults
    .filter((one): one is MemoryBound => one.bytes !== undefined)
    .sort((a, b) => a.bytes - b.bytes || (a.from < b.from ? -1 : 1))[0];
}

const limitRangeWords = "the default limit of LimitRange";

/** Cores that the user allows the training; undefined: all cores of a node. */
export function coreLimit(spec: FineTuneJobSpec): number | undefined {
  const cores = quantityNumber(spec.placement.resources?.limits?.cpu);
  return cores === undefined ? undefined : Math.max(1, Math.ceil(cores));
}

/** Assumed when there is no limit. Each additional core needs a few MiB of scratch. */
export const assumedCores = 16;

/** The largest memory of the nodes that a training of this job may use. */
export function largestNode(nodes: readonly Node[], placement: Placement): MemoryBound | undefined {
  const sizes = nodes
    .filter((node) => takes(node, trainPlacement(placement)))
    .map(({ status }) => quantityBytes(status?.allocatable?.memory))
    .filter((bytes) => bytes !== undefined);
  return sizes.length === 0 ? undefined : { bytes: Math.max(...sizes), from: "the largest node" };
}

/** Key of the question to the planner: the same key has the same answer. */
export function planKey(spec: FineTuneJobSpec, pins: Pins, memory: MemoryBound | undefined): string {
  const asked = [withDefaults(trainingPart(spec)), pins, memory?.bytes ?? null, coreLimit(spec) ?? null];
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(asked))))
    .digest("hex");
}

export function fitMessage(plan: PlanStatus): string {
  const { predictedPeakBytes, availableBytes, availableFrom, fits, nearestFit } = plan;
  const needs = `The run needs ${formatBytes(predictedPeakBytes)} of memory`;
  if (availableBytes === undefined) return `${needs}; the operator knows no node to compare that with.`;
  const source = availableFrom === undefined ? "" : ` (${availableFrom})`;
  if (fits) return `${needs} of ${formatBytes(availableBytes)}${source}.`;
  const nearest =
    nearestFit === undefined ? "No batch is small enough." : `The nearest settings that fit: ${nearestFit}.`;
  const limited = availableFrom?.startsWith(limitRangeWords);
  const raise = `${limited ? "Set" : "Raise"} placement.resources.limits.memory`;
  const advice = nearestFit === undefined || limited ? ` ${raise}.` : "";
  return `${needs}, and ${formatBytes(availableBytes)} are available${source}. ${nearest}${advice}`;
}
