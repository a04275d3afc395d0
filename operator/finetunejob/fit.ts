/** The question to the planner whether a run fits, and its answer as a message. Pure. */
import { createHash } from "node:crypto";
import { formatBytes } from "../../trainer/contract/bytes.ts";
import { canonicalJson } from "../../trainer/contract/hashes.ts";
import type { Pins } from "../../trainer/contract/runFile.ts";
import { trainingPart, withDefaults } from "../../trainer/contract/writtenOut.ts";
import { listedGpu } from "../../trainer/planning/gpus.ts";
import type { Placement } from "../api/common.ts";
import type { FineTuneJobSpec, PlanStatus } from "../api/fineTuneJob.ts";
import { quantityBytes, quantityNumber } from "../api/quantity.ts";
import { takes } from "../jobs/nodes.ts";
import { type GpuRequest, gpuLabels, gpuOf, trainPlacement } from "../jobs/placement.ts";
import type { LimitRange, Node } from "../jobs/resources.ts";

/** The memory limit that the user sets; undefined: all memory of a node. */
export function memoryLimit(spec: FineTuneJobSpec): number | undefined {
  return quantityBytes(spec.placement.resources?.limits?.memory);
}

/** Memory that a training may use, and the source of that bound. */
export interface MemoryBound {
  bytes: number;
  from: string;
  /** The product of the GPU whose memory it is, if that is known. */
  gpu?: string;
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

/** A GPU that a training may get, with the memory that it may take there. */
interface GpuOfNode {
  product: string | undefined;
  bytes: number;
}

const mebibyte = 2 ** 20;

/**
 * The memory that a program gets of a GPU, which is less than its label says. CUDA's own figure is known of listed products;
 * 97 % of the label are assumed of others (the listed ones keep 98 % or more).
 */
function usableBytes(product: string | undefined, labelled: number): number {
  const listed = listedGpu(product);
  return listed === undefined ? Math.floor(labelled * 0.97) : Math.min(listed.memoryBytes, labelled);
}

/** The GPUs of the nodes that a training of this job may use, by the labels of NVIDIA's feature discovery. */
function gpusOfNodes(nodes: readonly Node[], placement: Placement, request: GpuRequest): GpuOfNode[] {
  const { product: productLabel, memory: memoryLabel } = gpuLabels(request);
  return nodes
    .filter((node) => takes(node, trainPlacement(placement)))
    .filter(({ status }) => (quantityNumber(status?.allocatable?.[request.resource]) ?? 0) >= placement.gpusPerNode)
    .flatMap(({ metadata: { labels = {} } }) => {
      // A label of a shared GPU ends so; its name does not.
      const product = labels[productLabel]?.replace(/-SHARED$/, "");
      const labelled = Number(labels[memoryLabel]) * mebibyte;
      return labelled > 0 ? [{ product, bytes: usableBytes(product, labelled) }] : [];
    });
}

/**
 * The memory of the GPU that a training gets: of the smallest one that the nodes offer, because the scheduler may choose any;
 * else of a listed class; and at most placement.deviceMemory. Undefined if nothing tells it.
 */
export function gpuMemory(nodes: readonly Node[], placement: Placement): MemoryBound | undefined {
  const request = gpuOf(placement);
  if (request === undefined) return undefined;
  const offered = gpusOfNodes(nodes, placement, request).sort((a, b) => a.bytes - b.bytes);
  const listed = listedGpu(request.product);
  const device = offered[0] ?? (listed && { product: request.product, bytes: listed.memoryBytes });
  const gpu = device?.product ?? request.product;
  const { memory: limit } = request;
  if (limit !== undefined && (device === undefined || limit < device.bytes)) {
    return { bytes: limit, from: "placement.deviceMemory", ...(gpu !== undefined && { gpu }) };
  }
  if (device === undefined) return undefined;
  return { bytes: device.bytes, from: sourceOf(offered), ...(gpu !== undefined && { gpu }) };
}

/** The source of the memory of the smallest of these GPUs; of none: the data sheet of the class. They are in ascending order. */
function sourceOf(offered: readonly GpuOfNode[]): string {
  const [smallest] = offered;
  if (smallest === undefined) return "placement.gpuClass";
  const larger = offered.findLast(({ product, bytes }) => product !== undefined && bytes > smallest.bytes);
  return larger === undefined
    ? "the GPUs of the nodes"
    : `the smallest GPU that the pod may get; placement.gpuClass: ${larger.product} has ${formatBytes(larger.bytes)}`;
}

/** Key of the question to the planner: the same key has the same answer on the same nodes. `memory`: that of the pod. */
export function planKey(spec: FineTuneJobSpec, pins: Pins, memory: MemoryBound | undefined): string {
  const gpu = gpuOf(spec.placement);
  const bound = gpu ? [gpu] : [memory?.bytes ?? null, coreLimit(spec) ?? null];
  const asked = [withDefaults(trainingPart(spec)), pins, ...bound];
  return createHash("sha256")
    .update(canonicalJson(JSON.parse(JSON.stringify(asked))))
    .digest("hex");
}

/** The name of a GPU of an unknown product. */
export const anyGpu = "GPU";

export function fitMessage(plan: PlanStatus): string {
  return plan.device === undefined ? fitOnCpu(plan) : fitOnGpu(plan, plan.device);
}

/** "needs 19.4 GiB of 22.0 GiB on NVIDIA-L4", or the settings or the GPU that would do. */
function fitOnGpu({ predictedPeakBytes, availableBytes, availableFrom, fits, nearestFit }: PlanStatus, device: string) {
  const needs = `The run needs ${formatBytes(predictedPeakBytes)} of GPU memory`;
  if (availableBytes === undefined) {
    return `${needs}; the operator knows no GPU to compare that with: install NVIDIA's GPU feature discovery, which labels nodes, or set placement.deviceMemory.`;
  }
  const where = device === anyGpu ? "on a GPU" : `on ${device}`;
  if (fits) return `The run needs ${formatBytes(predictedPeakBytes)} of ${formatBytes(availableBytes)} ${where}.`;
  const larger = "choose a larger GPU by placement.gpuClass";
  const advice =
    nearestFit === undefined
      ? `No batch is small enough: ${larger}.`
      : `The nearest settings that fit: ${nearestFit}. Or ${larger}.`;
  return `${needs}, and ${formatBytes(availableBytes)} are available ${where} (${availableFrom}). ${advice}`;
}

function fitOnCpu({ predictedPeakBytes, availableBytes, availableFrom, fits, nearestFit }: PlanStatus): string {
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
