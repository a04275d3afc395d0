/** Pushes a finished export to the repository that its entry names. */
import { effectiveExport } from "../contract/effective.ts";
import { registryTable, revisionTag } from "../contract/exports.ts";
import { applied } from "../contract/setting.ts";
import { type Published, publish } from "../export/publish.ts";
import { ProgressReporter } from "../progress/progressReporter.ts";
import type { FileList } from "../stores/directory.ts";
import { MissingFileError, manifestFile } from "../stores/store.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { exportUri } from "./exportDirectory.ts";
import type { PinnedExport } from "./exportOrigin.ts";

/** The artifact at the registry; undefined for an export without a repository. */
export async function publishedArtifact(
  file: PinnedExport,
  { stores, onProgress, progressInterval, signal }: StageContext,
  { files, digest }: { files: FileList; digest: string },
): Promise<Published | undefined> {
  const { export: entry, runHash, adapterDigest, baseDigest, tag } = file;
  if (!entry.oci) return undefined;
  const { uri: repository } = entry.oci;
  const uri = exportUri(file);
  const manifest = await stores.of(uri).stat(`${uri}/${manifestFile}`);
  if (!manifest) throw new MissingFileError(`${uri}/${manifestFile}`);
  const progress = new ProgressReporter(onProgress, progressInterval);
  try {
    return await publish(
      { stores, uri, files: [...files, { path: manifestFile, digest, bytes: manifest.bytes }] },
      {
        registry: stores.registry(repository),
        facts: {
          profile: applied(registryTable, entry.oci).profile,
          title: repository.slice(repository.lastIndexOf("/") + 1),
          settings: effectiveExport(entry),
          name: entry.name,
          ...{ runHash, adapterDigest, baseDigest },
        },
        revisionTag: revisionTag(entry, runHash),
        tag,
        onBytes: (phase, done, total) => progress.report({ phase, done, total, unit: "bytes" }),
        throwIfStopped: () => throwIfStopped(signal),
      },
    );
  } finally {
    progress.close();
  }
}
