/** Resolves placements. Pure. */
import { type Helpers, type Placement, type ResolvedPlacement, usualGpuResource } from "../api/common.ts";
import { quantityBytes } from "../api/quantity.ts";

/** The GPU that a training takes. */
export interface GpuRequest {
  readonly resource: string;
  /** Its product; undefined: any. */
  readonly product: string | undefined;
  /** Bytes of its memory that the training may take; undefined: all. */
  readonly memory: number | undefined;
}

export function gpuOf({ gpusPerNode, gpuResourceName, gpuClass, deviceMemory }: Placement): GpuRequest | undefined {
  if (gpusPerNode === 0) return undefined;
  const resource = gpuResourceName ?? usualGpuResource;
  return { resource, product: gpuClass, memory: quantityBytes(deviceMemory) };
}

/** NVIDIA's feature discovery labels a node for each resource of its GPUs. */
export const gpuLabels = ({ resource }: GpuRequest) => ({
  product: `${resource}.product`,
  memory: `${resource}.memory`,
});

export function trainPlacement(given: Placement): ResolvedPlacement {
  const { gpusPerNode, gpuResourceName: _, gpuClass: __, deviceMemory: ___, ...placement } = given;
  const gpu = gpuOf(given);
  if (gpu === undefined) return placement;
  const { nodeSelector, extendedResources } = placement;
  return {
    ...placement,
    extendedResources: { ...extendedResources, [gpu.resource]: gpusPerNode },
    ...(gpu.product === undefined ? {} : { nodeSelector: { ...nodeSelector, [gpuLabels(gpu).product]: gpu.product } }),
  };
}

/** The images' processor. A cluster may have nodes of another one; a user may name the label himself. */
const architecture = { "kubernetes.io/arch": "amd64" };

export const nodeSelectorOf = ({ nodeSelector }: ResolvedPlacement) => ({ ...architecture, ...nodeSelector });

const mebibyte = 2 ** 20;

/**
 * The default resources of a helper pod: 256 MiB for Node and its buffers, and for an export 1 byte for each parameter of
 * the model. Merging holds the F32 values of one matrix, their delta and the output bytes: 10 bytes per value of a
 * matrix that is rarely more than a tenth of the model. Mapped files are not counted: the kernel can drop their pages.
 */
export function withRequests(placement: ResolvedPlacement, parameters = 0): ResolvedPlacement {
  const memory = `${256 + Math.ceil(parameters / mebibyte)}Mi`;
  return { resources: { requests: { cpu: "100m", memory } }, ...placement };
}

/**
 * Helper pods follow spec.helpers, else the training's placement: a ReadWriteOnce claim has one node. They take no devices and
 * no runtime for GPUs, and wait in no queue but their own.
 */
export function helperPlacement(placement: Placement, helpers: Helpers | undefined): ResolvedPlacement {
  const where = trainPlacement({ ...placement, gpusPerNode: 0 });
  const { resources: _, extendedResources: __, resourceClaims: ___, queue: ____, ...others } = where;
  const { runtimeClassName, ...rest } = others;
  return {
    ...rest,
    ...(placement.gpusPerNode > 0 || runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...helpers,
  };
}
