/**
 * Export: writes a trained result in one format, reads it back and compares it before it appears. An existing intact
 * export of the same adapter is the result.
 */
import { effectiveExport } from "../contract/effective.ts";
import type { ExportSettings } from "../contract/exports.ts";
import { diverged, invalid } from "../contract/failure.ts";
import { declarationOf, type MethodSettings, quantizesFor, resultOf } from "../contract/methods/index.ts";
import type { ExportFigures } from "../contract/report.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
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
import { methodOf, methodToRun } from "../methods/index.ts";
import { ProgressReporter } from "../progress/progressReporter.ts";
import { DirectoryWriter, damageOf, type FileList } from "../stores/directory.ts";
import { Objects } from "../stores/objects.ts";
import { finishedReport } from "../training/report.ts";
import { readAdapter } from "../weights/adapterSource.ts";
import { baseNameOf } from "../weights/baseName.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { localModel, StoredModel } from "../weights/storedModel.ts";
import { verifiedBase } from "../weights/verifiedBase.ts";
import { classified } from "./classify.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { exportUri, finishedExport, requireDestination } from "./exportDirectory.ts";
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
    const known = await finishedExport(file, context.stores);
    if (known && (await isWhole(known.files, context, uri)))
      return { ...(await published(file, context, known)), reused: true };
    await requireDestination(file, context.stores);
    await writeExport(file, context, uri);
    const written = await finishedExport(file, context.stores);
    if (!written) throw new Error(`${uri}: the export that was just committed cannot be read`);
    return { ...(await published(file, context, written)), reused: false };
  });
}

type Finished = NonNullable<Awaited<ReturnType<typeof finishedExport>>>;

/** The result of a finished export, which is pushed first if it has a repository. */
async function published(file: ExportFile, context: StageContext, { result, files }: Finished) {
  const artifact = await publishedArtifact(file, context, { files, digest: result.figures.digest });
  return { ...result, figures: { ...result.figures, ...artifact } };
}

/** Whether an export's files match its manifest; logs the first that does not. */
async function isWhole(files: FileList, { stores, log }: StageContext, uri: string): Promise<boolean> {
  const damage = await damageOf(stores, uri, files);
  if (damage) log(`${damage}; the export is written again`);
  return damage === undefined;
}

async function writeExport(file: ExportFile, context: StageContext, uri: string): Promise<void> {
  const work = new Export(file, context, uri);
  try {
    await work.run();
  } finally {
    work.progress.close();
  }
}

interface Verified {
  readonly comparison: Comparison;
  readonly prompts: number;
}

class Export {
  readonly progress: ProgressReporter;
  readonly #file: ExportFile;
  readonly #context: StageContext;
  readonly #uri: string;
  readonly #run: string;
  readonly #objects: Objects;
  readonly #settings: ExportSettings;
  readonly #format: ExportFormat;

  constructor(file: ExportFile, context: StageContext, uri: string) {
    this.#file = file;
    this.#context = context;
    this.#uri = uri;
    this.#run = storeLayout.run(file.artifactRoot, file.runHash);
    this.#objects = new Objects(context.stores, file.artifactRoot);
    this.#settings = effectiveExport(file.export);
    this.#format = formatOf(this.#settings);
    this.progress = new ProgressReporter(context.onProgress, context.progressInterval);
  }

  async run(): Promise<void> {
    const { stores } = this.#context;
    const source = await this.#source();
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

  /** If the base itself was trained, the adapter's directory is the model and nothing is merged. */
  async #source(): Promise<ExportSource> {
    const { stores } = this.#context;
    const adapter = await readAdapter(stores, storeLayout.adapter(this.#run), this.#file.adapterDigest);
    const { method } = adapter.manifest;
    const digest = await this.#baseDigest(method);
    const model =
      resultOf(method) === "Model"
        ? await localModel(stores, adapter.uri, adapter.manifest.files)
        : await verifiedBase(stores, this.#objects, digest, (done, total) =>
            this.#report("Loading", done, total, "bytes"),
          );
    return { base: await MergeBase.of(model), adapter, method: methodOf(methodToRun(method)) };
  }

  /** The base to merge with, or to apply the adapter to. Throws a failure if the format cannot hold the method's result. */
  async #baseDigest(method: MethodSettings): Promise<string> {
    const { mergeRefusal, peftRefusal } = declarationOf(method.kind);
    const how = quantizesFor(method);
    const settings = this.#settings;
    switch (settings.kind) {
      case "adapter":
      case "ggufAdapter": {
        const ownBase = how && Number(method[how.ownBase.setting]) > how.ownBase.above ? how.ownBase : undefined;
        const refusal = peftRefusal ?? ownBase?.peftRefusal;
        if (refusal !== undefined) throw invalid("AdapterImpossible", this.#named(refusal));
        return this.#file.baseDigest;
      }
      case "merged":
      case "gguf":
        if (mergeRefusal !== undefined) throw invalid("MergeImpossible", this.#named(mergeRefusal));
        if (settings.base === "Original" && how) throw invalid("MergeImpossible", this.#named(how.originalRefusal));
        return settings.base === "Original" ? await this.#originalDigest() : await this.#quantizedDigest(settings.kind);
    }
  }

  /** The base of the training, or the original that it was quantised from. */
  async #originalDigest(): Promise<string> {
    const { baseDigest } = this.#file;
    return (await getManifest(this.#objects, baseDigest, baseManifest)).original ?? baseDigest;
  }

  /** The base of the training, which must be quantised. */
  async #quantizedDigest(kind: string): Promise<string> {
    const { baseDigest } = this.#file;
    const { original } = await getManifest(this.#objects, baseDigest, baseManifest);
    const base = await StoredModel.staged(this.#context.stores, this.#objects, baseDigest);
    const stored = await base.storedQuantization();
    if (original !== undefined || stored?.method === "bitsandbytes") return baseDigest;
    throw invalid(
      "BaseNotQuantized",
      this.#named(`${kind}.base is Dequantized, but the base was not quantised: remove ${kind}.base`),
    );
  }

  #named(refusal: string): string {
    return `export ${this.#file.export.name}: ${refusal}`;
  }

  /** Compares the model read back with base and adapter. Throws a failure when they differ. */
  async #verify(source: ExportSource, readBack: ReadBack): Promise<Verified> {
    const { threads, signal } = this.#context;
    const prompts = await verificationPrompts(this.#objects, this.#file.evaluationSetDigest, readBack.codec);
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
      training: await finishedReport(this.#context.stores, this.#run, this.#file.runHash),
      licences: files.map(({ path }) => path).filter(isLicence),
      ...verified,
    });
  }

  #report(
    phase: "Loading" | "Merging" | "Verifying",
    done: number,
    total: number,
    unit: "tensors" | "examples" | "bytes" = "tensors",
  ) {
    this.progress.report({ phase, done, total, unit });
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
