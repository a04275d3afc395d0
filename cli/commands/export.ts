/**
 * `luthier export`: merges base and adapter into one model by the code of a cluster's export Job, writes it in shards with
 * a model card, reads it back and verifies it. The target is a directory or any store.
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Arguments, choiceOf, integerOf, optionOf, UsageError } from "../../terminal/arguments.ts";
import { type Command, commonOptions, outputFormats, type Session } from "../../terminal/command.ts";
import { formatBytes, formatFigure } from "../../terminal/format.ts";
import { table } from "../../terminal/table.ts";
import { exportEntry } from "../../trainer/contract/exports.ts";
import { artifactsUri } from "../../trainer/contract/locations.ts";
import type { ExportFile } from "../../trainer/contract/runFile.ts";
import { storeLayout } from "../../trainer/contract/storeLayout.ts";
import { classified } from "../../trainer/stages/classify.ts";
import { runExport } from "../../trainer/stages/export.ts";
import { exportUri, requireDestination } from "../../trainer/stages/exportDirectory.ts";
import { readManifest } from "../../trainer/stores/directory.ts";
import { jsonOf } from "../../trainer/stores/sealed.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { adapterManifest } from "../../trainer/weights/adapter.ts";
import { localPath, readClaims } from "../fineTuneJob.ts";
import { ensureNative } from "../nativeBuild.ts";
import { isUri, type Place, placeOf } from "../places.ts";
import { createStageView } from "../ui/stageView.ts";

const usage = {
  command: "luthier export",
  positionals: ["ADAPTER"],
  summary: "Merges a trained adapter with its base into a model, writes it in shards, reads it back and verifies it.",
  details: [
    "ADAPTER is an adapter that a training wrote to its artifact store, …/runs/HASH/adapter: a directory or URI (s3://, pvc://).",
    "  luthier export out/default/runs/353e…/adapter --to s3://models/support-bot",
    "Credentials for s3:// come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, …), else from",
    "a profile in ~/.aws (AWS_PROFILE).",
    "The command reuses a finished export and writes nothing. A stopped export leaves no partial files. --to names a new or an",
    "empty directory or prefix: an export never replaces files that it did not write.",
  ],
  options: {
    to: { value: "PLACE", help: "a directory or URI; default: beside the adapter, below its run" },
    name: { value: "NAME", help: "for the model card and the default place; default: merged" },
    base: { value: "BASE", help: "the weights to merge into: Original (default) or Dequantized" },
    dtype: { value: "TYPE", help: "BF16 or F32; default: BF16, for Dequantized F32" },
    "max-shard-bytes": { value: "N", help: "largest shard; default: 5 GB" },
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
  const entry = entryOf(args);
  const source = sourceOf(args.positionals[0] ?? "");
  const to = optionOf(args, "to");
  const target = to === undefined ? undefined : targetOf(to);
  const claims = new Map([...readClaims(args.values.get("claim") ?? []), ...source.claims, ...(target?.claims ?? [])]);
  const stores = new Stores({ claims, log: (line) => session.screen.print(`  ${line}`), signal: session.signal });
  const file = { ...(await classified(() => exportFileOf(stores, source))), export: entry };
  const placed = target === undefined ? file : { ...file, destination: target.uri };
  const place = localPath(exportUri(placed), claims);
  await classified(() => requireDestination(placed, stores, { place }));
  await ensureNative(session.screen);
  const { figures, reused } = await watched(entry.name, session, (context) =>
    runExport(placed, { ...context, stores, threads }),
  );
  if (format === "json") session.write(`${JSON.stringify({ ...figures, place, reused }, null, 2)}\n`);
  else session.write(`${resultLines(figures, place, reused).join("\n")}\n`);
  return 0;
}

function entryOf(args: Arguments): ExportFile["export"] {
  const shard = integerOf(args, "max-shard-bytes", 1_000_000, 50_000_000_000, 0);
  const parsed = exportEntry.safeParse({
    name: optionOf(args, "name") ?? "merged",
    merged: {
      base: choiceOf(args, "base", ["Original", "Dequantized"], "Original"),
      ...(optionOf(args, "dtype") !== undefined && { dtype: choiceOf(args, "dtype", ["BF16", "F32"], "BF16") }),
      ...(shard > 0 && { maxShardBytes: shard }),
    },
  });
  if (parsed.success) return parsed.data;
  throw new UsageError(z.prettifyError(parsed.error));
}

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
      `${given}: not an adapter in an artifact store, …/runs/HASH/adapter; see luthier export --help`,
    );
  }
  const place = placeOf(root, "luthier-artifacts");
  return { root: place.uri, runHash, claims: place.claims };
}

const reported = z.looseObject({ pins: z.looseObject({ evaluationSetDigest: z.string().optional() }) });

async function exportFileOf(
  stores: Stores,
  { root, runHash }: { root: string; runHash: string },
): Promise<Omit<ExportFile, "export">> {
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

function resultLines(
  figures: Awaited<ReturnType<typeof runExport>>["figures"],
  place: string,
  reused: boolean,
): string[] {
  const { name, sizeBytes, shards, maxLogitDifference, klDivergence } = figures;
  return [
    `${name} is ${reused ? "already complete" : "written, read back and verified"}`,
    ...table([
      ["  size", `${formatBytes(sizeBytes)} in ${shards} shard${shards === 1 ? "" : "s"}`],
      ["  logits", `differ by at most ${formatFigure(maxLogitDifference)} (KL ${formatFigure(klDivergence)})`],
      ["  place", place],
    ]),
  ];
}
