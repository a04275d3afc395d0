// What is still to be written, where, and whether there is room: needs are summed for each filesystem, since caches,
// modules and checkout may lie on one or on several.

import { existsSync, statfsSync, statSync } from "node:fs";
import path from "node:path";

/** One thing that is not there yet. */
export interface SpaceNeed {
  readonly what: string;
  readonly directory: string;
  /** About; with what its making needs in between. */
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

/** The directory itself, or the nearest above it that exists already. */
export function nearestExisting(directory: string): string {
  let existing = path.resolve(directory);
  while (!existsSync(existing)) existing = path.dirname(existing);
  return existing;
}
