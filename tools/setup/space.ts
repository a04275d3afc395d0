// Checks the free space for files that will be written: sums the needs per filesystem, because caches, modules and checkout
// may be on one or several.

import { existsSync, statfsSync, statSync } from "node:fs";
import path from "node:path";

/** One missing thing. */
export interface SpaceNeed {
  readonly what: string;
  readonly directory: string;
  /** Approximate size, including temporary files. */
  readonly bytes: number;
}

export interface Filesystem {
  readonly freeBytes: number;
  readonly needs: readonly SpaceNeed[];
}

export function filesystemsOf(needs: readonly SpaceNeed[]): Filesystem[] {
  const groups = Map.groupBy(needs, ({ directory }) => statSync(nearestExisting(directory)).dev);
  return [...groups.values()].map((group) => ({ freeBytes: freeBytes(group[0]?.directory ?? "/"), needs: group }));
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(nearestExisting(directory));
  return bavail * bsize;
}

/** The directory itself, or its nearest existing parent. */
export function nearestExisting(directory: string): string {
  let existing = path.resolve(directory);
  while (!existsSync(existing)) existing = path.dirname(existing);
  return existing;
}
