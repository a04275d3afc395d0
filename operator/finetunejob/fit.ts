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
import type { Node } from "../jobs/resources.ts";

/** The memory that the user allows; undefined: whatever a node has. */
export function memoryLimit(spec: FineTuneJobSpec): number | undefined {
  return quantityBytes(spec.placement.resources?.limits?.memory);
}

/** Cores that the user allows the training; undefined: all that a node has. */
export function coreLimit(spec: FineTuneJobSpec): number | undefined {
  const cores = quantityNumber(spec.placement.resources?.limits?.cpu);
  return cores === undefined ? undefined : Math.max(1, Math.ceil(cores));
}

/** Without a limit. Each core more takes a few MiB to work in. */
export const assumedCores = 16;

/** Of the nodes that a training of this job may use, the largest memory. */
export function largestNode(nodes: readonly Node[], placement: Placement): number | undefined {
  const sizes = nodes
    .filter((node) => takes(node, trainPlacement(placement)))
    .map(({ status }) => quantityBytes(status?.allocatable?.memory))
    .filter((bytes) => bytes !== undefined);
  return sizes.length === 0 ? undefined : Math.max(...sizes);
}

/** Names what is planned: the same key has the same answer. */
export function planKey(spec: FineTuneJobSpec, pins: Pins): string {
  const asked = [withDefaults(trainingPart(spec)), pins, memoryLimit(spec) ?? null, coreLimit(spec) ?? null];
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(asked))))
    .digest("hex");
}

export function fitMessage({ predictedPeakBytes, availableBytes, fits, nearestFit }: PlanStatus): string {
  const needs = `The run needs ${formatBytes(predictedPeakBytes)} of memory`;
  if (availableBytes === undefined) return `${needs}; no node is known to compare that with.`;
  if (fits) return `${needs} of ${formatBytes(availableBytes)}.`;
  const advice =
    nearestFit === undefined
      ? "No batch is small enough: raise placement.resources.limits.memory."
      : `The nearest settings that fit: ${nearestFit}.`;
  return `${needs}, and ${formatBytes(availableBytes)} are available. ${advice}`;
}
