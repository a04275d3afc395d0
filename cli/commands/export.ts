/**
 * `luthier export`: writes a trained adapter in one of the formats of `adapter.exports` by the code of a cluster's export
 * Job, with a model card, reads it back and verifies it. The target is a directory or any store.
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Arguments, choiceOf, integerOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, commonOptions, jsonText, outputFormats, type Session } from "../../terminal/command.ts";
import { formatBytes, formatFigure } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import {
  type ExportEntry,
  type ExportKind,
  exportEntry,
  exportKinds,
  floatTypes,
  profiles,
  quantizations,
} from "../../trainer/contract/exports.ts";
import { artifactsUri } from "../../trainer/contract/locations.ts";
import type { ExportFile } from "../../trainer/contract/runFile.ts";
import { importedExportFile } from "../../trainer/contract/stageFiles.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import { classified } from "../../trainer/stages/classify.ts";
import { runExport } from "../../trainer/stages/export.ts";
import { exportUri, requireDestination } from "../../trainer/stages/exportDirectory.ts";
import type { PinnedExport } from "../../trainer/stages/exportOrigin.ts";
import { readManifest } from "../../trainer/stores/directory.ts";
import { jsonOf } from "../../trainer/stores/sealed.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { adapterManifest } from "../../trainer/weights/adapter.ts";
import { localPath, readClaims } from "../fineTuneJob.ts";
import { ensureNative } from "../nativeBuild.ts";
import { isUri, modelPlaceOf, type Place, placeOf } from "../places.ts";
import { createStageView } from "../ui/stageView.ts";

const usage = {
  command: "luthier export",
  positionals: ["ADAPTER"],
  summary: "Writes a trained adapter as a merged model, as GGUF or by itself, reads it back and verifies it.",
  details: [
    "ADAPTER is an adapter that a training wrote to its artifact store, …/runs/HASH/adapter: a directory or URI (s3://, pvc://);",
    "or, with --base MODEL, one that PEFT, Unsloth or AdapterHub's library wrote: a directory or URI (hf:// too).",
    "  luthier export out/default/runs/353e…/adapter --to s3://models/support-bot",
    "  luthier export out/default/runs/353e…/adapter --format gguf --quantization Q8_0 --to out/for-llama-cpp",
    "  luthier export out/default/runs/353e…/adapter --format adapter --dtype BF16 --pad-ranks --to out/for-vllm",
    "  luthier export out/default/runs/353e…/adapter --to oci://registry.example/team/support-bot:v1 --profile ModelPack",
    "A registry gets a copy of the export beside the adapter, under a tag of the revision and the tag in --to. Its login is that",
    "of docker, podman or buildah.",
    "  luthier export ./adapter-of-peft --base hf://acme/base-7b --to out/merged",
    "Credentials for s3:// come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, …), else from",
    "a profile in ~/.aws (AWS_PROFILE).",
    "The command reuses a finished export and writes nothing. A stopped export leaves no partial files. --to names a new or an",
    "empty directory or prefix: an export never replaces files that it did not write.",
  ],
  options: {
    to: {
      value: "PLACE",
      help: "a directory, a URI, or a registry (oci://REGISTRY/REPOSITORY[:TAG]); default: beside the adapter, below its run",
    },
    profile: {
      value: "PROFILE",
      help: "oci://: Image, which Kubernetes mounts as a volume (default), or ModelPack, CNCF's artifact",
    },
    format: {
      value: "FORMAT",
      help: "merged: base and adapter as one model (default); gguf: the same as a file for llama.cpp; adapter: the adapter by itself, in PEFT's layout; ggufAdapter: the same for llama.cpp",
    },
    name: { value: "NAME", help: "for the model card and the default place; default: the format" },
    dtype: {
      value: "TYPE",
      help: "BF16, F16 or F32; default: merged BF16, with --base Dequantized F32; adapter F32",
    },
    quantization: { value: "TYPE", help: `gguf: ${quantizations.join(", ")}; default: F16` },
    base: {
      value: "BASE",
      help: "of an adapter that was trained elsewhere: its model, a directory or URI (hf://ORG/MODEL@REVISION). Of a training's, with merged and gguf: the weights to merge into: Original (default) or Dequantized",
    },
    "max-shard-bytes": { value: "N", help: "merged: largest shard; default: 5 GB" },
    "pad-ranks": { help: "adapter: fill the ranks of LoRA up to one that vLLM accepts" },
    "base-model": { value: "ORG/MODEL", help: "adapter: the base's repository, for programs that load it by name" },
    claim: commonOptions.claim,
    threads: commonOptions.threads,
    output: commonOptions.output,
    help: commonOptions.help,
  },
} as const;

export const exportCommand: Command = { usage, run, onInterrupt: "stopping; an unfinished export is not used" };

async function run(args: Arguments, session: Session): Promise<number> {
  const format = choiceOf(args, "output", outputFormats, "text");
  const threads = integerOf(args, "threads", 1, 1024, 0);
  const to = optionOf(args, "to");
  const registry = registryOf(args, to);
  const entry = entryOf(args, registry?.oci);
  const target = to === undefined || registry !== undefined ? undefined : targetOf(to);
  const opened =
    importedBaseOf(args) === undefined
      ? await ofTraining(args, { entry, target, tag: registry?.tag }, session)
      : importing(args, entry, target, session);
  const { file, stores, claims } = opened;
  const place = localPath(exportUri(file), claims);
  await ensureNative(session.screen);
  const { figures, reused } = await watched(entry.name, session, (context) =>
    runExport(file, { ...context, stores, threads }),
  );
  const artifact = registry && `${registry.oci.uri}@${figures.artifactDigest}`;
  const result = { ...figures, place, ...(artifact !== undefined && { artifact }), reused };
  if (format === "json") session.write(jsonText(result));
  else session.write(`${resultLines(result).join("\n")}\n`);
  return 0;
}

interface Opened {
  readonly file: ExportFile;
  readonly stores: Stores;
  readonly claims: ReadonlyMap<string, string>;
}

/** An export of an adapter in an artifact store. Throws when its target holds something else. */
async function ofTraining(
  args: Arguments,
  { entry, target, tag }: { entry: ExportEntry; target: Place | undefined; tag: string | undefined },
  session: Session,
): Promise<Opened> {
  const source = sourceOf(args.positionals[0] ?? "");
  const claims = new Map([...readClaims(args.values.get("claim") ?? []), ...source.claims, ...(target?.claims ?? [])]);
  const stores = storesOf(claims, session);
  const found = { ...(await classified(() => exportFileOf(stores, source))), export: entry };
  const file = { ...found, ...(target && { destination: target.uri }), ...(tag !== undefined && { tag }) };
  const place = localPath(exportUri(file), claims);
  await classified(() => requireDestination(file, stores, { place }));
  return { file, stores, claims };
}

/** An export of an adapter that was trained elsewhere. */
function importing(args: Arguments, entry: ExportEntry, target: Place | undefined, session: Session): Opened {
  if (target === undefined)
    throw new UsageError(
      "--to DIR or s3://… is missing: an adapter that was trained elsewhere has no artifact store to export to",
    );
  const claims = new Map([...readClaims(args.values.get("claim") ?? []), ...target.claims]);
  const adapter = modelPlaceOf(args.positionals[0] ?? "");
  const base = modelPlaceOf(importedBaseOf(args) ?? "");
  const file = importedExportFile({ artifactRoot: path.posix.dirname(target.uri), adapter, base }, entry);
  return { file: { ...file, destination: target.uri }, stores: storesOf(claims, session), claims };
}

const storesOf = (claims: ReadonlyMap<string, string>, { screen, signal }: Session) =>
  new Stores({ claims, log: (line) => screen.print(`  ${line}`), signal });

/** The values of --base that choose among the weights of a training's base. */
const baseChoices: readonly string[] = ["Original", "Dequantized"];

/** The model of an adapter that was trained elsewhere; undefined for a training's adapter. */
function importedBaseOf(args: Arguments): string | undefined {
  const base = optionOf(args, "base");
  return base === undefined || baseChoices.includes(base) ? undefined : base;
}

/** The options of each format, by the names of its settings. */
const settingsByFormat = {
  merged: { dtype: "dtype", base: "base", "max-shard-bytes": "maxShardBytes" },
  gguf: { quantization: "quantization", base: "base" },
  adapter: { dtype: "dtype", "pad-ranks": "padRanks", "base-model": "baseModel" },
  ggufAdapter: { dtype: "dtype" },
} as const satisfies Record<ExportKind, Partial<Record<keyof typeof usage.options, string>>>;

/** The repository of `--to`, and the tag in it. */
function registryOf(args: Arguments, to: string | undefined) {
  const profile = choiceIfGiven(args, "profile", profiles);
  const [, uri, tag] = /^(oci:\/\/.+?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$/.exec(to ?? "") ?? [];
  if (uri !== undefined) return { oci: { uri, ...(profile !== undefined && { profile }) }, tag };
  if (profile !== undefined) throw new UsageError("--profile needs --to oci://REGISTRY/REPOSITORY");
  return undefined;
}

function entryOf(args: Arguments, oci: { uri: string } | undefined): ExportEntry {
  const format = choiceOf(args, "format", exportKinds, "merged");
  const own = new Map<string, string>(Object.entries(settingsByFormat[format]));
  const given: Record<string, string | number | boolean> = {};
  for (const name of new Set(Object.values(settingsByFormat).flatMap((options) => Object.keys(options)))) {
    if (name === "base" && importedBaseOf(args) !== undefined) continue;
    const value = optionValueOf(args, name);
    if (value === undefined) continue;
    const setting = own.get(name);
    if (setting === undefined) throw new UsageError(`--${name} is no option of --format ${format}`);
    given[setting] = value;
  }
  const parsed = exportEntry.safeParse({
    name: optionOf(args, "name") ?? format,
    [format]: given,
    ...(oci && { oci }),
  });
  if (parsed.success) return parsed.data;
  throw new UsageError(z.prettifyError(parsed.error));
}

function optionValueOf(args: Arguments, name: string): string | number | boolean | undefined {
  switch (name) {
    case "pad-ranks":
      return args.switches.has(name) || undefined;
    case "max-shard-bytes":
      return integerOf(args, name, 1_000_000, 50_000_000_000, 0) || undefined;
    case "dtype":
      return choiceIfGiven(args, name, floatTypes);
    case "quantization":
      return choiceIfGiven(args, name, quantizations);
    case "base":
      return choiceIfGiven(args, name, baseChoices);
    default:
      return optionOf(args, name);
  }
}

const choiceIfGiven = (args: Arguments, name: string, allowed: readonly string[]): string | undefined =>
  args.values.has(name) ? choiceOf(args, name, allowed, "") : undefined;

/** The target needs a parent directory, where it appears complete; the root of a bucket or claim cannot be a target. */
function targetOf(to: string): Place {
  if (!isUri(to)) {
    const directory = linkedFrom(path.resolve(to));
    if (directory === "/") throw new UsageError(`--to ${to} is the root directory; name a new or an empty directory`);
    const place = placeOf(path.dirname(directory), "luthier-export");
    return { ...place, uri: `${place.uri}/${path.basename(directory)}` };
  }
  if (artifactsUri.safeParse(to).success && /^[a-z0-9]+:\/\/[^/]*\/[^/]/.test(to)) return placeOf(to, "");
  throw new UsageError(
    `--to ${to}: not a directory or a path in a writable store (s3://BUCKET/PATH, pvc://CLAIM/PATH)`,
  );
}

/** The directory that a link points to; a missing path is returned as it is. */
function linkedFrom(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

/** The artifact store that holds an adapter, and the hash of its run. */
function sourceOf(given: string): { root: string; runHash: string; claims: ReadonlyMap<string, string> } {
  const full = isUri(given) ? given : path.resolve(given);
  const [, root, runHash] = /^(.+)\/runs\/([0-9a-f]{64})(?:\/adapter)?\/?$/.exec(full) ?? [];
  if (root === undefined || runHash === undefined) {
    throw new UsageError(
      `${given}: not an adapter in an artifact store, …/runs/HASH/adapter; if it was trained elsewhere, name its model with --base`,
    );
  }
  const place = placeOf(root, "luthier-artifacts");
  return { root: place.uri, runHash, claims: place.claims };
}

const reported = z.looseObject({ pins: z.looseObject({ evaluationSetDigest: z.string().optional() }) });

async function exportFileOf(
  stores: Stores,
  { root, runHash }: { root: string; runHash: string },
): Promise<Omit<PinnedExport, "export">> {
  const directory = storeLayout.run(root, runHash);
  const adapter = storeLayout.adapter(directory);
  const found = await readManifest(stores, adapter, adapterManifest);
  if (!found) throw new UsageError(`${adapter}: there is no finished adapter`);
  const report = storeLayout.report(directory);
  const known = (await stores.of(report).stat(report)) ? jsonOf(await stores.of(report).read(report)) : undefined;
  const { evaluationSetDigest } = reported.safeParse(known).data?.pins ?? {};
  return {
    version: 1,
    stage: "Export",
    artifactRoot: root,
    runHash,
    adapterDigest: found.digest,
    baseDigest: found.manifest.baseDigest,
    ...(evaluationSetDigest !== undefined && { evaluationSetDigest }),
  };
}

type Watching = Omit<Parameters<typeof runExport>[1], "stores" | "threads">;

async function watched<T>(
  name: string,
  { screen, signal }: Session,
  work: (context: Watching) => Promise<T>,
): Promise<T> {
  const view = createStageView(() => `export ${name}`);
  try {
    return await work({
      signal,
      log: (line) => screen.print(`  ${line}`),
      onProgress(progress) {
        view.add(progress);
        screen.show(view);
      },
    });
  } finally {
    screen.clear();
  }
}

type Result = Awaited<ReturnType<typeof runExport>>["figures"] & {
  place: string;
  artifact?: string;
  reused: boolean;
};

function resultLines(result: Result): string[] {
  const { name, sizeBytes, shards, maxLogitDifference, klDivergence, place, reused } = result;
  const { artifact, artifactBytes = 0, uploadedBytes = 0 } = result;
  return [
    `${name} is ${reused ? "already complete" : "written, read back and verified"}`,
    ...table([
      ["  size", `${formatBytes(sizeBytes)} in ${shards} shard${shards === 1 ? "" : "s"}`],
      ["  logits", `differ by at most ${formatFigure(maxLogitDifference)} (KL ${formatFigure(klDivergence)})`],
      ["  place", place],
      ...(artifact === undefined
        ? []
        : [
            ["  artifact", artifact],
            ["  uploaded", `${formatBytes(uploadedBytes)} of ${formatBytes(artifactBytes)}, read back and verified`],
          ]),
    ]),
  ];
}
