/**
 * The manifests that prepare stages as JSON objects: a base model (its files by digest), a data set, an evaluation set.
 * The digest of a manifest is the pin; it identifies every byte that the manifest lists.
 */
import { z } from "zod";
import { digest } from "../../contract/digest.ts";
import { corrupt } from "../../contract/failure.ts";
import { prepareFigures } from "../../contract/report.ts";
import type { Digest } from "../../stores/digest.ts";
import type { Objects, StagedObject } from "../../stores/objects.ts";

const bytes = z.int().min(0);
const staged = z.strictObject({ digest, bytes });

export const baseManifest = z.strictObject({
  kind: z.literal("base"),
  version: z.literal(1),
  files: z.array(z.strictObject({ path: z.string().max(255), digest, bytes })).min(1),
  /** For a base with NF4 linear layers: the digest of the original base's manifest. */
  original: digest.optional(),
});

export const datasetManifest = z.strictObject({
  kind: z.literal("dataset"),
  version: z.literal(1),
  train: staged,
  validation: staged.optional(),
  /** URIs of the sources that examples were read from; examples name them by index. */
  sources: z.array(z.string()),
});

export const evaluationManifest = z.strictObject({
  kind: z.literal("evaluation"),
  version: z.literal(1),
  questions: z
    .array(
      z.strictObject({
        prompt: z.array(z.int().min(0)).min(1),
        /** Later releases write it. */
        opening: z.array(z.int().min(0)).optional(),
        reference: z.string(),
        line: z.int().min(1),
      }),
    )
    .min(1),
});

export const preparedManifest = z.strictObject({
  kind: z.literal("prepared"),
  version: z.literal(1),
  /** Hash of the listing of all inputs; while it is unchanged, nothing is read again. */
  fingerprint: digest,
  objects: z.array(staged),
  /** The files of the data and of the test set that were read. Later releases write them. */
  files: z.array(z.strictObject({ uri: z.string(), bytes, version: z.string() })).optional(),
  figures: prepareFigures,
});

export type BaseManifest = z.infer<typeof baseManifest>;
export type DatasetManifest = z.infer<typeof datasetManifest>;
export type EvaluationManifest = z.infer<typeof evaluationManifest>;
export type PreparedManifest = z.infer<typeof preparedManifest>;

export async function putManifest(
  objects: Objects,
  manifest: BaseManifest | DatasetManifest | EvaluationManifest,
): Promise<StagedObject> {
  return await objects.putBytes(Buffer.from(JSON.stringify(manifest)));
}

/** Reads a manifest by its digest. Throws a failure when it is missing or invalid. */
export async function getManifest<T>(objects: Objects, digest: Digest, schema: z.ZodType<T>): Promise<T> {
  const text = Buffer.from(await objects.read(digest)).toString("utf8");
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw corrupt("ManifestInvalid", `${objects.uri(digest)}: ${z.prettifyError(parsed.error)}`);
}
