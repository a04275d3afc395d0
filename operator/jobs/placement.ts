/** Resolves placements. Pure. */
import type { Helpers, Placement, ResolvedPlacement } from "../api/common.ts";

export function trainPlacement({ gpusPerNode: _, ...placement }: Placement): ResolvedPlacement {
  return placement;
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
 * Helper pods follow spec.helpers, else the training's placement: a ReadWriteOnce claim has one node. They take no devices, and
 * wait in no queue but their own.
 */
export function helperPlacement(placement: Placement, helpers: Helpers | undefined): ResolvedPlacement {
  const { resources: _, extendedResources: __, resourceClaims: ___, queue: ____, ...where } = trainPlacement(placement);
  return { ...where, ...helpers };
}
