/**
 * Export: writes a trained result in one format, reads it back and compares it before it appears. An existing intact
 * export of the same adapter is the result.
 */
import { effectiveExport } from "../contract/effective.ts";
import type { ExportSettings } from "../contract/exports.ts";
import { diverged } from "../contract/failure.ts";
import type { ExportFigures } from "../contract/report.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { adapterFormat } from "../export/adapter.ts";
import type { ExportFormat, ReadBack } from "../export/format.ts";
import { ggufFormat } from "../export/gguf.ts";
import { ggufAdapterFormat } from "../export/ggufAdapter.ts";
import { mergedFormat } from "../export/merged.ts";
import { modelCard } from "../export/modelCard.ts";
import { verificationPrompts } from "../export/prompts.ts";
import { adaptedModel, type ExportSource } from "../export/source.ts";
import { type Comparison, compareLogits, effectRefusal, logitsOf, refusalOf } from "../export/verify.ts";
import { isLicence, parseJson } from "../formats/huggingFace.ts";
import { ProgressReporter } from "../progress/progressReporter.ts";
import { DirectoryWriter, damageOf, type FileList } from "../stores/directory.ts";
import { Objects } from "../stores/objects.ts";
import { finishedReport } from "../training/report.ts";
import { baseNameOf } from "../weights/baseName.ts";
import { classified } from "./classify.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { exportUri, finishedExport, requireDestination } from "./exportDirectory.ts";
import { type ExportOrigin, type PinnedExport, trainedOrigin } from "./exportOrigin.ts";
import { importedOrigin } from "./importedOrigin.ts";
import { publishedArtifact } from "./publish.ts";

export interface ExportResult {
  figures: ExportFigures;
  /** The digest of the export's manifest. */
  reportDigest: string;
  reused: boolean;
}

export async function runExport(file: ExportFile, context: StageContext): Promise<ExportResult> {
  return await classified(async () => {
    const uri = exportUri(file);
    const progress = new ProgressReporter(context.onProgress, context.progressInterval);
    try {
      const origin = await originOf(file, context, progress);
      const known = await finishedExport(origin.file, context.stores);
      if (known && (await isWhole(known.files, context, uri)))
        return { ...(await published(origin.file, context, known)), reused: true };
      await requireDestination(origin.file, context.stores);
      await new Export(origin, context, uri, progress).run();
      const written = await finishedExport(origin.file, context.stores);
      if (!written) throw new Error(`${uri}: the export that was just committed cannot be read`);
      return { ...(await published(origin.file, context, written)), reused: false };
    } finally {
      progress.close();
    }
  });
}

type Finished = NonNullable<Awaited<ReturnType<typeof finishedExport>>>;

/** The result of a finished export, which is pushed first if it has a repository. */
async function published(file: PinnedExport, context: StageContext, { result, files }: Finished) {
  const artifact = await publishedArtifact(file, context, { files, digest: result.figures.digest });
  return { ...result, figures: { ...result.figures, ...artifact } };
}

/** The adapter and the base, which an imported adapter and its base are only after they were read. */
async function originOf(file: ExportFile, context: StageContext, progress: ProgressReporter): Promise<ExportOrigin> {
  const { stores, signal } = context;
  const onBytes = (done: number, total: number) => {
    throwIfStopped(signal);
    progress.report({ phase: "Loading", done, total, unit: "bytes" });
  };
  const { imported, adapterDigest, baseDigest } = file;
  if (imported) return await importedOrigin(file, imported, stores, onBytes);
  if (adapterDigest === undefined || baseDigest === undefined)
    throw new Error(`export ${file.export.name}: the run file names neither digests nor an imported adapter`);
  return trainedOrigin({ ...file, adapterDigest, baseDigest }, stores, onBytes);
}

/** Whether an export's files match its manifest; logs the first that does not. */
async function isWhole(files: FileList, { stores, log }: StageContext, uri: string): Promise<boolean> {
  const damage = await damageOf(stores, uri, files);
  if (damage) log(`${damage}; the export is written again`);
  return damage === undefined;
}

interface Verified {
  readonly comparison: Comparison;
  readonly prompts: number;
}

class Export {
  readonly #progress: ProgressReporter;
  readonly #origin: ExportOrigin;
  readonly #file: PinnedExport;
  readonly #context: StageContext;
  readonly #uri: string;
  readonly #settings: ExportSettings;
  readonly #format: ExportFormat;

  constructor(origin: ExportOrigin, context: StageContext, uri: string, progress: ProgressReporter) {
    this.#origin = origin;
    this.#file = origin.file;
    this.#context = context;
    this.#uri = uri;
    this.#settings = effectiveExport(this.#file.export);
    this.#format = formatOf(this.#settings);
    this.#progress = progress;
  }

  async run(): Promise<void> {
    const { stores } = this.#context;
    const source = await this.#origin.source(this.#settings);
    const writer = await DirectoryWriter.begin(stores, this.#uri);
    try {
      await this.#write(writer, source);
    } catch (error) {
      // The original error matters, not a failed clean-up.
      await writer.discard().catch(() => {});
      throw error;
    }
  }

  async #write(writer: DirectoryWriter, source: ExportSource): Promise<void> {
    const { stores, signal } = this.#context;
    await this.#format.write(writer, source, {
      stores,
      onTensor: (done, total) => this.#report("Merging", done, total),
      throwIfStopped: () => throwIfStopped(signal),
    });
    const readBack = await this.#format.readBack(stores, writer.temporaryUri, writer.files, source);
    const verified = await this.#verify(source, readBack).finally(() => readBack.close?.());
    const { comparison, prompts } = verified;
    await writer.write("README.md", Buffer.from(await this.#card(source, verified, writer.files)));
    const { runHash, adapterDigest, baseDigest } = this.#file;
    const verification = { prompts, ...comparison };
    const facts = { runHash, adapterDigest, baseDigest, export: this.#file.export, verification };
    await writer.commit({ kind: "export", version: 1, ...facts }, async () => {
      throwIfStopped(signal);
      await requireDestination(this.#file, stores, { names: writer.files.map(({ path }) => path) });
    });
  }

  /** Compares the model read back with base and adapter. Throws a failure when they differ. */
  async #verify(source: ExportSource, readBack: ReadBack): Promise<Verified> {
    const { threads, signal } = this.#context;
    const prompts = await verificationPrompts(
      new Objects(this.#context.stores, this.#file.artifactRoot),
      this.#file.evaluationSetDigest,
      readBack.codec,
    );
    const original = await adaptedModel(source);
    const models = [original, readBack.model];
    // A fully trained model has no adapter that the export could lose.
    if (original.adapter.size > 0) models.push({ ...original, method: { kind: "none" }, adapter: new Map() });
    const logits: Float32Array[][] = [];
    for (const [index, model] of models.entries()) {
      const onPrompt = (done: number) =>
        this.#report("Verifying", index * prompts.length + done, models.length * prompts.length, "examples");
      logits.push(await logitsOf(model, prompts, { threads, onPrompt, signal }));
    }
    const [expected = [], found = [], base] = logits;
    const comparison = compareLogits(expected, found);
    const refusal =
      refusalOf(comparison, this.#format.dtype) ?? (base && effectRefusal(base, expected, found, this.#format.dtype));
    if (refusal) throw diverged("VerificationFailed", `${this.#uri}: the model that was read back differs: ${refusal}`);
    return { comparison, prompts: prompts.length };
  }

  async #card(source: ExportSource, verified: Verified, files: FileList): Promise<string> {
    const { adapter, base } = source;
    const config = parseJson("config.json", await base.model.text("config.json"));
    const { name: baseName } = baseNameOf({ uri: adapter.manifest.baseUri, revision: undefined, commit: "", config });
    return modelCard({
      name: this.#file.export.name,
      baseName,
      library: this.#format.library,
      isAdapter: this.#format.isAdapter,
      weights: this.#format.describe(source),
      adapter: adapter.manifest,
      training: await this.#training(),
      licences: files.map(({ path }) => path).filter(isLicence),
      ...verified,
    });
  }

  /** An imported adapter has no report. */
  async #training() {
    const { imported, artifactRoot, runHash } = this.#file;
    if (imported) return undefined;
    return await finishedReport(this.#context.stores, storeLayout.run(artifactRoot, runHash), runHash);
  }

  #report(phase: "Merging" | "Verifying", done: number, total: number, unit: "tensors" | "examples" = "tensors") {
    this.#progress.report({ phase, done, total, unit });
  }
}

function formatOf(settings: ExportSettings): ExportFormat {
  switch (settings.kind) {
    case "merged":
      return mergedFormat(settings);
    case "gguf":
      return ggufFormat(settings);
    case "adapter":
      return adapterFormat(settings);
    case "ggufAdapter":
      return ggufAdapterFormat(settings);
  }
}
