/**
 * The memory limit of a helper pod (prepare, export). Pure. It is recorded when its Job is made, so that a failure for want
 * of memory is tried again as soon as there is more, and not before.
 */
import type { ResolvedPlacement } from "../api/common.ts";
import { quantityBytes } from "../api/quantity.ts";
import { hostMemoryExceeded } from "./outcome.ts";

export function memoryLimitOf(placement: ResolvedPlacement | undefined): string | undefined {
  const limit = placement?.resources?.limits?.memory;
  return limit === undefined ? undefined : String(limit);
}

/** Did it fail for want of memory, and may it have more now? */
export function mayHaveMore(
  failed: { reason?: string | undefined; memoryLimit?: string | undefined },
  limit: string | undefined,
): boolean {
  if (failed.reason !== hostMemoryExceeded || failed.memoryLimit === limit) return false;
  if (failed.memoryLimit === undefined || limit === undefined) return true;
  return (quantityBytes(limit) ?? 0) > (quantityBytes(failed.memoryLimit) ?? 0);
}
