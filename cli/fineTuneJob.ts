/** Reads a FineTuneJob manifest by the operator's own schema, and maps its claims to directories of this machine. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { fineTuneJobSpec } from "../operator/api/fineTuneJob.ts";
import { group, version } from "../operator/api/names.ts";
import { claimOf } from "../operator/jobs/claims.ts";
import { UsageError } from "../terminal/arguments.ts";
import { claimOption } from "../trainer/arguments.ts";
import { inputLocations, type Location, locationsOf } from "../trainer/contract/locations.ts";
import { givenSources } from "../trainer/contract/methods/index.ts";
import { storeLayout } from "../trainer/contract/storeLayout.ts";
import { readManifest } from "./manifest.ts";

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const manifestSchema = z.strictObject({
  apiVersion: z.literal(`${group}/${version}`),
  kind: z.literal("FineTuneJob"),
  metadata: z
    .object({
      name: z.string().max(40).regex(dnsLabel, "must be a DNS label of at most 40 characters"),
      namespace: z.string().max(63).regex(dnsLabel, "must be a DNS label").optional(),
    })
    .loose(),
  spec: fineTuneJobSpec,
});

export type FineTuneJobManifest = z.infer<typeof manifestSchema>;

/** Reads and checks a manifest. Throws `ManifestError` for invalid content, `UsageError` for a missing file. */
export function loadFineTuneJob(file: string): FineTuneJobManifest {
  return readManifest(file, readText(file), "FineTuneJob", manifestSchema);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Claims by name, from `--claim NAME=DIR`. */
export function readClaims(given: readonly string[]): Map<string, string> {
  return new Map(given.map(readClaim));
}

function readClaim(text: string): [string, string] {
  const claim = claimOption(text);
  if (claim === undefined) throw new UsageError(`--claim is NAME=DIR, not ${JSON.stringify(text)}`);
  return [claim.name, path.resolve(claim.directory)];
}

/** The name of `--output-dir` among the claims. */
const outputClaim = "luthier-output-directory";

export interface LocalPlaces {
  readonly claims: ReadonlyMap<string, string>;
  /** `<artifacts.uri>/<namespace>`. */
  readonly artifactRoot: string;
  /** Endpoints of the remote stores; credentials come from the environment. */
  readonly locations: readonly Location[];
}

/** Maps a job's URIs to this machine. Throws `UsageError` with the claims that have no directory. */
export function localPlaces(
  job: FineTuneJobManifest,
  claims: ReadonlyMap<string, string>,
  outputDirectory: string | undefined,
): LocalPlaces {
  const artifactsUri = outputDirectory === undefined ? job.spec.artifacts.uri : `pvc://${outputClaim}`;
  const all = new Map(claims);
  if (outputDirectory !== undefined) all.set(outputClaim, path.resolve(outputDirectory));
  const inputs = inputUris(job);
  requireClaims([...inputs, ["spec.artifacts.uri", artifactsUri]], all);
  requireDirectories(inputs, all);
  const artifactRoot = storeLayout.root(artifactsUri, job.metadata.namespace ?? "default");
  const locations = [
    ...inputLocations(job.spec, givenSources(job.spec.method)),
    ...locationsOf([
      { ...job.spec.artifacts, uri: artifactRoot },
      ...(job.spec.adapter?.exports ?? []).map(({ oci }) => oci),
    ]),
  ];
  return { claims: all, artifactRoot, locations };
}

function requireClaims(uris: readonly (readonly [string, string])[], claims: ReadonlyMap<string, string>): void {
  const missing = new Map<string, string>();
  for (const [field, uri] of uris) {
    const claim = claimOf(uri);
    if (claim !== undefined && !claims.has(claim) && !missing.has(claim)) missing.set(claim, `${field}: ${uri}`);
  }
  if (missing.size === 0) return;
  const flags = [...missing.keys()].map((claim) => `--claim ${claim}=DIR`).join(" ");
  const where = [...missing].map(([claim, at]) => `  claim ${claim} (${at})`).join("\n");
  throw new UsageError(`outside a cluster each claim needs a directory: ${flags}\n${where}`);
}

/** Input directories must exist; output directories are created. */
function requireDirectories(inputs: readonly (readonly [string, string])[], claims: ReadonlyMap<string, string>): void {
  for (const [field, uri] of inputs) {
    const directory = claims.get(claimOf(uri) ?? "");
    if (directory === undefined || statSync(directory, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new UsageError(`${field}: --claim ${claimOf(uri)}=${directory} is not a directory`);
  }
}

function inputUris({ spec }: FineTuneJobManifest): (readonly [string, string])[] {
  const { baseModel, dataset, evaluation, method } = spec;
  return [
    ["spec.baseModel.uri", baseModel.uri] as const,
    ...dataset.sources.map(({ uri }, index) => [`spec.dataset.sources[${index}].uri`, uri] as const),
    ...givenSources(method).map(({ uri }, index) => [`spec.method adapters[${index}].uri`, uri] as const),
    ...optional("spec.dataset.validation.uri", dataset.validation?.uri),
    ...optional("spec.dataset.chatTemplate.uri", dataset.chatTemplate?.uri),
    ...optional("spec.evaluation.test.uri", evaluation?.test.uri),
  ];
}

const optional = (field: string, uri: string | undefined) => (uri === undefined ? [] : [[field, uri] as const]);

/** The path on this machine of a URI with a mapped claim; a remote URI is returned as it is. */
export function localPath(uri: string, claims: ReadonlyMap<string, string>): string {
  const claim = claimOf(uri);
  if (claim === undefined) return uri.startsWith("file:") ? new URL(uri).pathname : uri;
  const directory = claims.get(claim);
  if (directory === undefined) throw new UsageError(`claim ${claim} has no directory: --claim ${claim}=DIR`);
  return path.join(directory, ...uri.slice(`pvc://${claim}`.length).split("/"));
}
