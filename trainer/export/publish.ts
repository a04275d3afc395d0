/**
 * Pushes a finished export to a repository of an OCI registry. Blobs go first, then the manifest under its digest; all are
 * read back; only then a tag names them. A blob that the registry has is not sent again, so a killed push resumes.
 * Nothing is deleted, and no tag is moved from a manifest that no export wrote.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { corrupt, invalid } from "../contract/failure.ts";
import { compared, digestOf } from "../stores/digest.ts";
import type { FileList } from "../stores/directory.ts";
import type { Registry } from "../stores/registry.ts";
import { type BlobSource, uploadBlob } from "../stores/registryUpload.ts";
import { jsonOf } from "../stores/sealed.ts";
import type { Stores } from "../stores/stores.ts";
import { type ArtifactFacts, artifactOf, isOurs, type Layer, type LayerPlan, layersOf } from "./artifact.ts";
import type { Piece } from "./tarLayer.ts";

/** The directory of a finished export. */
export interface ExportDirectory {
  stores: Stores;
  uri: string;
  /** All of its files, `manifest.json` included. */
  files: FileList;
}

export interface PublishOptions {
  registry: Registry;
  facts: ArtifactFacts;
  /** The tag of the revision. */
  revisionTag: string;
  /** A tag that is moved to the revision last. */
  tag: string | undefined;
  /** Receives the bytes that were uploaded or read back so far. */
  onBytes: (phase: "Uploading" | "Verifying", done: number, total: number) => void;
  throwIfStopped: () => void;
}

export interface Published {
  /** Digest of the manifest. */
  artifactDigest: string;
  artifactBytes: number;
  uploadedBytes: number;
}

export async function publish(directory: ExportDirectory, options: PublishOptions): Promise<Published> {
  const { registry, facts, revisionTag, tag } = options;
  const layers: Layer[] = [];
  for (const plan of layersOf(facts.profile, directory.files)) layers.push(await digested(plan, directory, options));
  const { config, manifest } = artifactOf(layers, facts);
  const digest = digestOf(manifest);
  const blobs = [...layers.map((layer) => blobOf(layer, directory)), bytesBlob(config)];
  const total = blobs.reduce((sum, { bytes }) => sum + bytes, manifest.length);
  const known = await ownManifest(registry, revisionTag);
  if (tag !== undefined) await ownManifest(registry, tag);
  let uploaded = 0;
  if (known !== digest) {
    uploaded = await uploadAll(blobs, total, options);
    await registry.putManifest(digest, manifest);
    await readBack(blobs, digest, total, options);
    await registry.putManifest(revisionTag, manifest);
  }
  if (tag !== undefined && (await ownManifest(registry, tag)) !== digest) await registry.putManifest(tag, manifest);
  return { artifactDigest: digest, artifactBytes: total, uploadedBytes: uploaded };
}

async function uploadAll(blobs: readonly BlobSource[], total: number, options: PublishOptions): Promise<number> {
  let [done, uploaded] = [0, 0];
  for (const blob of blobs) {
    const read = async (start: number, end: number) => {
      options.throwIfStopped();
      options.onBytes("Uploading", done + start, total);
      return await blob.read(start, end);
    };
    if (await uploadBlob(options.registry, { ...blob, read })) uploaded += blob.bytes;
    done += blob.bytes;
  }
  return uploaded;
}

/** Reads everything from the registry; the registry's client compares the digests. */
async function readBack(blobs: readonly BlobSource[], digest: string, total: number, options: PublishOptions) {
  const { registry, onBytes, throwIfStopped } = options;
  if (!(await registry.manifest(digest)))
    throw corrupt("BlobMissing", `${registry.uri}: the registry does not have the manifest ${digest} that it accepted`);
  let done = 0;
  for (const blob of blobs) {
    for await (const chunk of registry.blob(blob.digest)) {
      throwIfStopped();
      done += chunk.length;
      onBytes("Verifying", done, total);
    }
  }
}

const annotated = z.looseObject({ annotations: z.record(z.string(), z.string()).default({}) });

/** The digest of the manifest that a tag names; undefined without one. Throws a failure if an export did not write it. */
async function ownManifest(registry: Registry, tag: string): Promise<string | undefined> {
  const found = await registry.manifest(tag);
  if (!found) return undefined;
  const parsed = annotated.safeParse(jsonOf(found.bytes));
  if (parsed.success && isOurs(parsed.data.annotations)) return found.digest;
  throw invalid(
    "DestinationInUse",
    `${registry.uri}:${tag} names something that no export wrote, which an export never changes; name another repository`,
  );
}

/** A file's digest is in the export's manifest, that of an archive takes a pass over its files. */
async function digested(plan: LayerPlan, directory: ExportDirectory, options: PublishOptions): Promise<Layer> {
  const [only] = plan.pieces;
  if (plan.pieces.length === 1 && only !== undefined && !(only instanceof Uint8Array))
    return { ...plan, digest: only.digest, bytes: only.bytes };
  const hash = createHash("sha256");
  let bytes = 0;
  for (const piece of plan.pieces) {
    for await (const chunk of contentOf(piece, directory)) {
      options.throwIfStopped();
      hash.update(chunk);
      bytes += chunk.length;
    }
  }
  return { ...plan, digest: `sha256:${hash.digest("hex")}`, bytes };
}

/** All bytes of a piece; throws a failure when a file was changed since the export. */
async function* contentOf(piece: Piece, { stores, uri }: ExportDirectory): AsyncIterable<Uint8Array> {
  if (piece instanceof Uint8Array) return yield piece;
  const file = `${uri}/${piece.path}`;
  yield* compared(stores.of(file).stream(file), piece.digest, () =>
    corrupt("FileCorrupt", `${file}: does not have the digest that its manifest names`),
  );
}

function blobOf({ digest, bytes, pieces }: Layer, { stores, uri }: ExportDirectory): BlobSource {
  return {
    digest,
    bytes,
    async read(start, end) {
      const parts: Uint8Array[] = [];
      let at = 0;
      for (const piece of pieces) {
        const length = piece instanceof Uint8Array ? piece.length : piece.bytes;
        const [from, to] = [Math.max(start, at) - at, Math.min(end, at + length) - at];
        at += length;
        if (from >= to) continue;
        if (piece instanceof Uint8Array) parts.push(piece.subarray(from, to));
        else parts.push(await stores.of(uri).read(`${uri}/${piece.path}`, { start: from, end: to }));
      }
      return Uint8Array.from(Buffer.concat(parts));
    },
  };
}

const bytesBlob = (content: Uint8Array<ArrayBuffer>): BlobSource => ({
  digest: digestOf(content),
  bytes: content.length,
  read: async (start, end) => content.slice(start, end),
});
