/** Will it fit? What the planner is asked, and its answer in words. Pure. */
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

/** The memory that the user allows; undefined: whatever a node has. */
export function memoryLimit(spec: FineTuneJobSpec): number | undefined {
  return quantityBytes(spec.placement.resources?.limits?.memory);
}

/** Memory that a training may have, and who says so. */
export interface MemoryBound {
  bytes: number;
  from: string;
}

/** The limit of the training's pod: the user's, else the default that a LimitRange gives; undefined: a node's memory. */
export function podMemory(spec: FineTuneJobSpec, limitRanges: readonly LimitRange[] = []): MemoryBound | undefined {
  const own = memoryLimit(spec);
  if (own !== undefined) return { bytes: own, from: "placement.resources.limits.memory" };
  const defaults = limitRanges.flatMap(({ metadata, spec }) =>
    (spec?.limits ?? [])
      .filter(({ type }) => type === "Container")
      .map((limits) => ({ bytes: quantityBytes(limits.default?.memory), from: `${limitRangeWords} ${metadata.name}` })),
  );
  // Which of several comes first is nobody's promise.
  return defaults
    .filter((one): one is MemoryBound => one.bytes !== undefined)
    .sort((a, b) => a.bytes - b.bytes || (a.from < b.from ? -1 : 1))[0];
}

const limitRangeWords = "the default limit of LimitRange";

/** Cores that the user allows the training; undefined: all that a node has. */
export function coreLimit(spec: FineTuneJobSpec): number | undefined {
  const cores = quantityNumber(spec.placement.resources?.limits?.cpu);
  return cores === undefined ? undefined : Math.max(1, Math.ceil(cores));
}

/** Without a limit. Each core more takes a few MiB to work in. */
export const assumedCores = 16;

/** Of the nodes that a training of this job may use, the largest memory. */
export function largestNode(nodes: readonly Node[], placement: Placement): MemoryBound | undefined {
  const sizes = nodes
    .filter((node) => takes(node, trainPlacement(placement)))
    .map(({ status }) => quantityBytes(status?.allocatable?.memory))
    .filter((bytes) => bytes !== undefined);
  return sizes.length === 0 ? undefined : { bytes: Math.max(...sizes), from: "the largest node" };
}

/** Names what is planned, for a pod with this memory: the same key has the same answer. */
export function planKey(spec: FineTuneJobSpec, pins: Pins, memory: MemoryBound | undefined): string {
  const asked = [withDefaults(trainingPart(spec)), pins, memory?.bytes ?? null, coreLimit(spec) ?? null];
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(asked))))
    .digest("hex");
}

export function fitMessage(plan: PlanStatus): string {
  const { predictedPeakBytes, availableBytes, availableFrom, fits, nearestFit } = plan;
  const needs = `The run needs ${formatBytes(predictedPeakBytes)} of memory`;
  if (availableBytes === undefined) return `${needs}; no node is known to compare that with.`;
  const source = availableFrom === undefined ? "" : ` (${availableFrom})`;
  if (fits) return `${needs} of ${formatBytes(availableBytes)}${source}.`;
  const nearest =
    nearestFit === undefined ? "No batch is small enough." : `The nearest settings that fit: ${nearestFit}.`;
  const limited = availableFrom?.startsWith(limitRangeWords);
  const raise = `${limited ? "Set" : "Raise"} placement.resources.limits.memory`;
  const advice = nearestFit === undefined || limited ? ` ${raise}.` : "";
  return `${needs}, and ${formatBytes(availableBytes)} are available${source}. ${nearest}${advice}`;
}
