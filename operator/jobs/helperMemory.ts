/**
 * The memory limit of a helper pod (prepare, export). Pure. The operator records it when it creates the Job, so that it
 * retries an out-of-memory failure once the limit is raised, and not before.
 */
import type { ResolvedPlacement } from "../api/common.ts";
import { quantityBytes } from "../api/quantity.ts";
import { hostMemoryExceeded } from "./outcome.ts";

export function memoryLimitOf(placement: ResolvedPlacement | undefined): string | undefined {
  const limit = placement?.resources?.limits?.memory;
  return limit === undefined ? undefined : String(limit);
}

/** Did the pod run out of memory, and is its limit higher now? */
export function mayHaveMore(
  failed: { reason?: string | undefined; memoryLimit?: string | undefined },
  limit: string | undefined,
): boolean {
  if (failed.reason !== hostMemoryExceeded || failed.memoryLimit === limit) return false;
  if (failed.memoryLimit === undefined || limit === undefined) return true;
  return (quantityBytes(limit) ?? 0) > (quantityBytes(failed.memoryLimit) ?? 0);
}
