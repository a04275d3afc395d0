/** Placements with nothing left to decide. Pure. */
import type { Helpers, Placement, ResolvedPlacement } from "../api/common.ts";

export function trainPlacement({ gpusPerNode: _, ...placement }: Placement): ResolvedPlacement {
  return placement;
}

/** Helper pods go where they are told, else where the training goes: a ReadWriteOnce claim has one node. */
export function helperPlacement(placement: Placement, helpers: Helpers | undefined): ResolvedPlacement {
  const { resources: _, ...where } = trainPlacement(placement);
  return { ...where, ...helpers };
}
