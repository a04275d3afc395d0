/**
 * Export: writes base and adapter as one model in Hugging Face's layout, reads it back and compares it before it
 * appears. An existing intact export of the same adapter is the result.
 */
import { effectiveExport } from "../contract/effective.ts";
import type { MergedSettings } from "../contract/exports.ts";
import { diverged, invalid } from "../contract/failure.ts";
import { declarationOf, resultOf } from "../contract/methods/index.ts";
import type { ExportFigures, TrainFigures } from "../contract/report.ts";
import type { ExportFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { baseManifest, evaluationManifest, getManifest } from "../data/packed/manifests.ts";
import { modelCard } from "../export/modelCard.ts";
import {
  type Comparison,
  compareLogits,
  effectRefusal,
  logitsOf,
  type ModelToRun,
  refusalOf,
} from "../export/verify.ts";
import { parseJson } from "../formats/huggingFace.ts";
import { storageOf } from "../formats/nf4.ts";
import type { TensorFacts } from "../formats/safetensorsWriter.ts";
import { encodeHeader } from "../formats/safetensorsWriter.ts";
import { indexFile, type Shard, shardIndex, shardTensors } from "../formats/shards.ts";
import { methodOf, methodToRun } from "../methods/index.ts";
import type { BoundMethod } from "../methods/method.ts";
import { ProgressReporter } from "../progress/progressReporter.ts";
import { DirectoryWriter, damageOf, type FileList } from "../stores/directory.ts";
import { Objects } from "../stores/objects.ts";
import { finishedReport } from "../training/report.ts";
import { type AdapterSource, readAdapter } from "../weights/adapterSource.ts";
import { baseNameOf } from "../weights/baseName.ts";
import { companionsOf } from "../weights/companions.ts";
import { encodeValues, mergeTensor } from "../weights/merge.ts";
import { MergeBase } from "../weights/mergeBase.ts";
import { localModel, type StoredModel } from "../weights/storedModel.ts";
import { tensorsOf, verifiedBase } from "../weights/verifiedBase.ts";
import { classified } from "./classify.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { exportUri, finishedExport, requireDestination } from "./exportDirectory.ts";

export interface ExportResult {
  figures: ExportFigures;
  /** The digest of the export's manifest. */
  reportDigest: string;
  reused: boolean;
}

const mostPrompts = 16;
const mostPromptTokens = 512;

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

/** The sources of the merge: a model's tensors and the adapter. */
interface Source {
  base: MergeBase;
  adapter: AdapterSource;
  method: BoundMethod;
}

class Export {
  readonly progress: ProgressReporter;
  readonly #file: ExportFile;
  readonly #context: StageContext;
  readonly #uri: string;
  readonly #run: string;
  readonly #objects: Objects;
  readonly #settings: MergedSettings;

  constructor(file: ExportFile, context: StageContext, uri: string) {
    this.#file = file;
    this.#context = context;
    this.#uri = uri;
    this.#run = storeLayout.run(file.artifactRoot, file.runHash);
    this.#objects = new Objects(context.stores, file.artifactRoot);
    this.#settings = effectiveExport(file.export);
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

  async #write(writer: DirectoryWriter, source: Source): Promise<void> {
    await this.#writeWeights(writer, source);
    await this.#writeCompanions(writer, source.base.model);
    const { comparison, prompts } = await this.#verify(source, await this.#readBack(writer));
    await writer.write("README.md", Buffer.from(await this.#card(source, comparison, prompts)));
    const { runHash, adapterDigest, baseDigest } = this.#file;
    const verification = { prompts, ...comparison };
    const facts = { runHash, adapterDigest, baseDigest, export: this.#file.export, verification };
    await writer.commit({ kind: "export", version: 1, ...facts }, async () => {
      throwIfStopped(this.#context.signal);
      await requireDestination(this.#file, this.#context.stores, { names: writer.files.map(({ path }) => path) });
    });
  }

  /** If the base itself was trained, the adapter's directory is the model and nothing is merged. */
  async #source(): Promise<Source> {
    const { stores } = this.#context;
    const adapter = await readAdapter(stores, storeLayout.adapter(this.#run), this.#file.adapterDigest);
    const { method } = adapter.manifest;
    const { mergeRefusal } = declarationOf(method.kind);
    if (mergeRefusal !== undefined)
      throw invalid("MergeImpossible", `export ${this.#file.export.name}: ${mergeRefusal}`);
    const digest = await this.#baseDigest();
    const model =
      resultOf(method) === "Model"
        ? await localModel(stores, adapter.uri, adapter.manifest.files)
        : await verifiedBase(stores, this.#objects, digest, (done, total) =>
            this.#report("Loading", done, total, "bytes"),
          );
    return { base: await MergeBase.of(model), adapter, method: methodOf(methodToRun(method)) };
  }

  /** The base of the training, or the original that it was quantised from. */
  async #baseDigest(): Promise<string> {
    const { baseDigest, export: entry } = this.#file;
    const { original } = await getManifest(this.#objects, baseDigest, baseManifest);
    if (this.#settings.base === "Original") return original ?? baseDigest;
    if (original !== undefined) return baseDigest;
    throw invalid(
      "BaseNotQuantized",
      `export ${entry.name}: merged.base is Dequantized, but the base was not quantised: remove merged.base`,
    );
  }

  async #writeWeights(writer: DirectoryWriter, source: Source): Promise<void> {
    const facts = source.base.tensors.map(({ name, shape }) => ({ name, shape, dtype: this.#settings.dtype }));
    const shards = shardTensors(facts, this.#settings.maxShardBytes);
    let done = 0;
    const onTensor = () => this.#report("Merging", ++done, facts.length);
    for (const shard of shards) await writer.writeChunks(shard.file, this.#shardBytes(shard, source, onTensor));
    const index = shardIndex(shards);
    if (index) await writer.write(indexFile, Buffer.from(index));
  }

  async *#shardBytes(shard: Shard<TensorFacts>, source: Source, onTensor: () => void): AsyncIterable<Uint8Array> {
    yield encodeHeader(shard.tensors, { format: "pt" });
    for (const tensor of shard.tensors) {
      throwIfStopped(this.#context.signal);
      const values = await source.base.values(tensor);
      yield encodeValues(mergeTensor(tensor, values, source.method, source.adapter.tensors), this.#settings.dtype);
      onTensor();
    }
  }

  async #writeCompanions(writer: DirectoryWriter, base: StoredModel): Promise<void> {
    for await (const { name, content } of companionsOf(base, this.#settings.dtype)) await writer.write(name, content);
  }

  /** The model read back from the store, with every byte compared with the written ones. */
  async #readBack({ temporaryUri, files }: DirectoryWriter): Promise<StoredModel> {
    return await localModel(this.#context.stores, temporaryUri, files);
  }

  /** Compares the model read back with base and adapter. Throws a failure when they differ. */
  async #verify(source: Source, merged: StoredModel): Promise<{ comparison: Comparison; prompts: number }> {
    const { threads, signal } = this.#context;
    const prompts = await this.#prompts(merged);
    const original = await originalOf(source);
    const models = [original, await toRun(merged)];
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
      refusalOf(comparison, this.#settings.dtype) ??
      (base && effectRefusal(base, expected, found, this.#settings.dtype));
    if (refusal) throw diverged("VerificationFailed", `${this.#uri}: the model that was read back differs: ${refusal}`);
    return { comparison, prompts: prompts.length };
  }

  /** Held-out prompts if there are any; else a few fixed text beginnings. */
  async #prompts(model: StoredModel): Promise<number[][]> {
    const { evaluationSetDigest } = this.#file;
    if (evaluationSetDigest) {
      const { questions } = await getManifest(this.#objects, evaluationSetDigest, evaluationManifest);
      return questions.slice(0, mostPrompts).map(({ prompt }) => prompt.slice(-mostPromptTokens));
    }
    const { tokenizer } = await model.codec();
    return await Promise.all(plainTexts.map((text) => tokenizer.encode(text)));
  }

  async #card({ adapter, base }: Source, comparison: Comparison, prompts: number): Promise<string> {
    const config = parseJson("config.json", await base.model.text("config.json"));
    const { name: baseName } = baseNameOf({ uri: adapter.manifest.baseUri, revision: undefined, commit: "", config });
    return modelCard({
      name: this.#file.export.name,
      baseName,
      dtype: this.#settings.dtype,
      base: this.#settings.base,
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

/** The adapter, unmerged, with the base that it is merged with. */
async function originalOf({ base, adapter }: Source): Promise<ModelToRun> {
  return { ...(await toRun(base.model)), method: methodToRun(adapter.manifest.method), adapter: adapter.tensors };
}

async function toRun(model: StoredModel): Promise<ModelToRun> {
  const table = await model.tensors();
  return {
    model: await model.config(),
    tensors: tensorsOf(model, table),
    storage: storageOf(table),
    method: { kind: "none" },
    adapter: new Map(),
  };
}

const plainTexts = [
  "The quick brown fox jumps over the lazy dog.",
  "In the beginning there was",
  "1, 2, 3, 4, 5,",
  "Question: what is the capital of France? Answer:",
  "function add(a, b) { return",
  "Dear Sir or Madam,",
  "Once upon a time, in a village by the sea, there lived",
  "To whom it may concern: the meeting is moved to",
];
