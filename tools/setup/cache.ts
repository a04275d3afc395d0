// The cache root and its entries, which are either complete or missing: each is made under a temporary name and renamed.
// A digest of the recipe is the key of an entry, so that a second clone of the repository on the same machine reuses it.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

/** `$LUTHIER_CACHE`, else `$XDG_CACHE_HOME/luthier`, else `~/.cache/luthier`. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LUTHIER_CACHE) return path.resolve(env.LUTHIER_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "luthier");
}

/** First 16 hex digits of the SHA-256 over the parts, each framed by its length. */
export function recipeDigest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/**
 * The path of cache entry `kind`/`key`; `make` fills an empty directory if the entry is missing.
 * The next call removes the leftovers of an interrupted `make`; if two run at once, the first to end wins.
 */
export async function cached(
  kind: string,
  key: string,
  make: (directory: string) => Promise<void>,
  root: string = cacheRoot(),
): Promise<string> {
  const entry = path.join(root, kind, key);
  if (existsSync(entry)) return entry;
  const work = `${entry}.making-${process.pid}`;
  sweepAbandoned(entry);
  mkdirSync(work, { recursive: true });
  try {
    await make(work);
    if (!existsSync(entry)) renameSync(work, entry);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return entry;
}

/**
 * Keeps the `keep` entries of a kind that were made last, for kinds whose entries are large, soon out of date and named by
 * `recipeDigest`. Directories with other names are not ours: $LUTHIER_CACHE may name a directory that holds other things.
 */
export function pruneCache(kind: string, keep: number, root: string = cacheRoot()): void {
  const directory = path.join(root, kind);
  const made = (name: string) => statSync(path.join(directory, name)).mtimeMs;
  const entries = readdirSync(directory).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const newestFirst = entries.sort((a, b) => made(b) - made(a));
  for (const name of newestFirst.slice(keep)) rmSync(path.join(directory, name), { recursive: true });
}

/** Removes the unfinished entries of processes that no longer exist. */
function sweepAbandoned(entry: string): void {
  const kind = path.dirname(entry);
  if (!existsSync(kind)) return;
  for (const name of readdirSync(kind)) {
    const owner = name.match(/\.making-(\d+)$/)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    rmSync(path.join(kind, name), { recursive: true, force: true });
  }
}
