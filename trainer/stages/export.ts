/**
 * Export: writes base and adapter as one model in Hugging Face's layout, reads it back and compares it before it
 * appears. An existing intact export of the same adapter is the result.
 */
import { effectiveExport } from "../contract/effective.ts";
import type { MergedSettings } from "../contract/exports.ts";
import { diverged, invalid } from "../contract/failure.ts";
import { declarationOf, type MethodSettings, quantizesFor, resultOf } from "../contract/methods/index.ts";
import type { ExportFigures, TrainFigures } from "../contract/report.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { baseManifest, getManifest } from "../data/packed/manifests.ts";
import type { ExportFormat } from "../export/format.ts";
import { mergedFormat } from "../export/merged.ts";
import { modelCard } from "../export/modelCard.ts";
import { verificationPrompts } from "../export/prompts.ts";
import { adaptedModel, type ExportSource, plainModel } from "../export/source.ts";
import { type Comparison, compareLogits, effectRefusal, logitsOf, refusalOf } from "../export/verify.ts";
import { parseJson } from "../formats/huggingFace.ts";
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
    if (known && (await isWhole(known.files, context, uri))) return { ...known.result, reused: true };
    await requireDestination(file, context.stores);
    await writeExport(file, context, uri);
    const written = await finishedExport(file, context.stores);
    if (!written) throw new Error(`${uri}: the export that was just committed cannot be read`);
    return { ...written.result, reused: false };
  });
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

class Export {
  readonly progress: ProgressReporter;
  readonly #file: ExportFile;
  readonly #context: StageContext;
  readonly #uri: string;
  readonly #run: string;
  readonly #objects: Objects;
  readonly #settings: MergedSettings;
  readonly #format: ExportFormat;

  constructor(file: ExportFile, context: StageContext, uri: string) {
    this.#file = file;
    this.#context = context;
    this.#uri = uri;
    this.#run = storeLayout.run(file.artifactRoot, file.runHash);
    this.#objects = new Objects(context.stores, file.artifactRoot);
    this.#settings = effectiveExport(file.export);
    this.#format = mergedFormat(this.#settings);
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
      onTensor: (done, total) => this.#report("Merging", done, total),
      throwIfStopped: () => throwIfStopped(signal),
    });
    const readBack = await this.#format.readBack(stores, writer.temporaryUri, writer.files);
    const { comparison, prompts } = await this.#verify(source, readBack);
    await writer.write("README.md", Buffer.from(await this.#card(source, comparison, prompts)));
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
    const { mergeRefusal } = declarationOf(method.kind);
    if (mergeRefusal !== undefined)
      throw invalid("MergeImpossible", `export ${this.#file.export.name}: ${mergeRefusal}`);
    const digest = await this.#baseDigest(method);
    const model =
      resultOf(method) === "Model"
        ? await localModel(stores, adapter.uri, adapter.manifest.files)
        : await verifiedBase(stores, this.#objects, digest, (done, total) =>
            this.#report("Loading", done, total, "bytes"),
          );
    return { base: await MergeBase.of(model), adapter, method: methodOf(methodToRun(method)) };
  }

  /** The base of the training, or the original that it was quantised from. */
  async #baseDigest(method: MethodSettings): Promise<string> {
    const { baseDigest, export: entry } = this.#file;
    const { original } = await getManifest(this.#objects, baseDigest, baseManifest);
    const refusal = quantizesFor(method)?.originalRefusal;
    if (this.#settings.base === "Original" && refusal !== undefined)
      throw invalid("MergeImpossible", `export ${entry.name}: ${refusal}`);
    if (this.#settings.base === "Original") return original ?? baseDigest;
    const isStoredInNf4 = async () => {
      const base = await StoredModel.staged(this.#context.stores, this.#objects, baseDigest);
      return (await base.storedQuantization()) !== undefined;
    };
    if (original !== undefined || (await isStoredInNf4())) return baseDigest;
    throw invalid(
      "BaseNotQuantized",
      `export ${entry.name}: merged.base is Dequantized, but the base was not quantised: remove merged.base`,
    );
  }

  /** Compares the model read back with base and adapter. Throws a failure when they differ. */
  async #verify(source: ExportSource, merged: StoredModel): Promise<{ comparison: Comparison; prompts: number }> {
    const { threads, signal } = this.#context;
    const prompts = await verificationPrompts(this.#objects, this.#file.evaluationSetDigest, merged);
    const original = await adaptedModel(source);
    const models = [original, await plainModel(merged)];
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

  async #card({ adapter, base }: ExportSource, comparison: Comparison, prompts: number): Promise<string> {
    const config = parseJson("config.json", await base.model.text("config.json"));
    const { name: baseName } = baseNameOf({ uri: adapter.manifest.baseUri, revision: undefined, commit: "", config });
    return modelCard({
      name: this.#file.export.name,
      baseName,
      dtype: this.#settings.dtype,
      base: base.isQuantized ? "Dequantized" : "Original",
      adapter: adapter.manifest,
      training: await this.#trainFigures(),
      comparison,
      prompts,
    });
  }

  async #trainFigures(): Promise<TrainFigures | undefined> {
    return (await finishedReport(this.#context.stores, this.#run, this.#file.runHash))?.figures;
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
