/**
 * Finds the directories of a cluster's claims whose volumes are directories of this machine, as in the demo's cluster. A
 * claim on network storage has no such directory; `--claim NAME=DIR` gives its mount point.
 */
import { existsSync } from "node:fs";
import { claimOf } from "../../operator/jobs/claims.ts";
import { UsageError } from "../../terminal/arguments.ts";
import { type Connection, type PersistentVolume, persistentVolumeClaims, persistentVolumes } from "./connect.ts";

/** Directories of the claims in `uris`, from `given` or else from their volumes. */
export async function claimDirectories(
  connection: Connection,
  uris: readonly string[],
  given: ReadonlyMap<string, string>,
): Promise<Map<string, string>> {
  const directories = new Map(given);
  for (const claim of new Set(uris.map(claimOf))) {
    if (claim === undefined || directories.has(claim)) continue;
    directories.set(claim, await claimDirectory(connection, claim));
  }
  return directories;
}

async function claimDirectory({ client, namespace }: Connection, name: string): Promise<string> {
  const claim = await client.get(persistentVolumeClaims, { namespace, name });
  const volumeName = claim?.spec?.volumeName;
  // A PersistentVolume is cluster-scoped, so its path has no namespace.
  const { items } = await client.list(persistentVolumes, {});
  const directory = volumeDirectory(items.find(({ metadata }) => metadata.name === volumeName));
  if (directory !== undefined && existsSync(directory)) return directory;
  throw new UsageError(
    `claim ${name} of namespace ${namespace} is not a directory of this machine: mount it and add --claim ${name}=DIR`,
  );
}

function volumeDirectory(volume: PersistentVolume | undefined): string | undefined {
  return volume?.spec?.local?.path ?? volume?.spec?.hostPath?.path;
}
