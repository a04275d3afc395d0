/**
 * Prepare: pins the inputs of a training. The base model, the packed data set and the evaluation set become objects of
 * the artifact store; the result is their digests and counts. Inputs are listed before and after reading; changed ones
 * are read again. If the inputs are already prepared and unchanged, nothing is read.
 */
import { createHash } from "node:crypto";
import type { DatasetSettings } from "../contract/effective.ts";
import { effectiveBase, effectiveSettings } from "../contract/effective.ts";
import { corrupt, invalid } from "../contract/failure.ts";
import { effectiveMethod, givenSources, quantizesFor } from "../contract/methods/index.ts";
import { modelConfig } from "../contract/model.ts";
import type { PrepareFigures } from "../contract/report.ts";
import type { PrepareFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { type Codec, type CodecTexts, codecOf } from "../data/encoding/codec.ts";
import { endTokensOf, endTokensText } from "../data/encoding/endTokens.ts";
import { tryTokenizer } from "../data/encoding/tokenizerTrial.ts";
import { type BaseManifest, type PreparedManifest, preparedManifest, putManifest } from "../data/packed/manifests.ts";
import { SeenTexts } from "../data/packed/splits.ts";
import { ggufRefusal } from "../export/ggufRefusal.ts";
import type { CompileSpec } from "../graph/compiled.ts";
import { ProgressReporter, type ProgressUpdate } from "../progress/progressReporter.ts";
import { Objects, type StagedObject } from "../stores/objects.ts";
import { jsonOf } from "../stores/sealed.ts";
import { MissingFileError } from "../stores/store.ts";
import type { StoredModel } from "../weights/storedModel.ts";
import { withTokens } from "./addedTokens.ts";
import { refuseUnfit } from "./baseFit.ts";
import { withTemplate } from "./chosenTemplate.ts";
import { classified } from "./classify.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { type FoundFile, type InputFiles, inputFiles, listingOf } from "./dataFiles.ts";
import { withAdapters } from "./givenAdapters.ts";
import { quantizeBase } from "./quantizeBase.ts";
import { readQuestions } from "./readQuestions.ts";
import type { FileColumns } from "./readSource.ts";
import { type StagedBase, stageBase } from "./stageBase.ts";
import { stageDataset } from "./stageDataset.ts";
import type { UnusableRows } from "./unusableRows.ts";

const attempts = 3;

export interface PrepareResult {
  figures: PrepareFigures;
  /** True when everything was already prepared. */
  reused: boolean;
}

export async function runPrepare(file: PrepareFile, context: StageContext): Promise<PrepareResult> {
  const preparation = new Preparation(file, context);
  try {
    return await classified(() => preparation.run());
  } finally {
    preparation.progress.close();
  }
}

/** The rows and columns that a reading skipped. */
interface Read {
  unusable: UnusableRows;
  files: readonly FileColumns[];
}

/** The maximum number of names in a report. */
function shortList(names: readonly string[]): string[] {
  const most = 8;
  if (names.length <= most) return [...names];
  return [...names.slice(0, most - 1), `${names.length - most + 1} others`];
}

/** The figures of a base that is stored in NF4; undefined for others. */
function storedIn({ linear, dense, doubleQuantization, unquantized }: CompileSpec["storage"], bytes: number) {
  if (linear !== "NF4") return undefined;
  const figures = { type: linear, doubleQuantization, bytes, ...(unquantized && { unquantized: [...unquantized] }) };
  return { digest: undefined, dense, figures };
}

class Preparation {
  readonly progress: ProgressReporter;
  readonly #file: PrepareFile;
  readonly #context: StageContext;
  readonly #objects: Objects;
  readonly #settings: DatasetSettings;
  /** All objects of the result; the fast path checks each. */
  #staged: StagedObject[] = [];
  /** The base model's location, at its current revision. */
  #baseAt: { uri: string; revision: string | undefined };
  /** The locations of the method's adapters, likewise. */
  #adaptersAt: readonly string[] = [];
  /** The files of the data set and of the test set, as the last fingerprint found them. */
  #files: InputFiles = { dataset: [], test: [] };

  constructor(file: PrepareFile, context: StageContext) {
    this.#file = file;
    this.#context = context;
    this.#objects = new Objects(context.stores, file.artifactRoot);
    const { baseModel, dataset, form = "Examples" } = file;
    this.#baseAt = { uri: baseModel.uri, revision: undefined };
    this.#settings = { ...effectiveSettings({ baseModel, dataset, method: { full: {} } }).dataset, form };
    this.progress = new ProgressReporter(context.onProgress, context.progressInterval);
  }

  async run(): Promise<PrepareResult> {
    const { uri, revision } = this.#file.baseModel;
    const { stores } = this.#context;
    this.#baseAt = await stores.pinned(uri, revision);
    const adapters = this.#file.method ? givenSources(this.#file.method) : [];
    this.#adaptersAt = await Promise.all(
      adapters.map(async (adapter) => (await stores.pinned(adapter.uri, undefined)).uri),
    );
    let fingerprint = await this.#fingerprint();
    const known = await this.#known(fingerprint);
    if (known) {
      if (!known.files) await this.#commit({ ...known, files: this.#listing() });
      return { figures: known.figures, reused: true };
    }
    for (let attempt = 0; attempt < attempts; attempt++) {
      this.#staged = [];
      const figures = await this.#stage();
      const after = await this.#fingerprint();
      if (after === fingerprint) {
        const objects = this.#staged;
        await this.#commit({ kind: "prepared", version: 1, fingerprint, objects, files: this.#listing(), figures });
        return { figures, reused: false };
      }
      this.#context.log("inputs changed while they were read; reading them again");
      fingerprint = after;
    }
    throw corrupt("InputsMoving", `the inputs changed during each of ${attempts} readings; write to them less often`);
  }

  async #stage(): Promise<PrepareFigures> {
    const original = await this.#base();
    const { model, bytes } = original;
    const config = await model.config();
    const storage = await model.storage();
    const quantized = (await this.#quantized(original, storage)) ?? storedIn(storage, bytes);
    const texts = await model.codecTexts();
    const seen = new SeenTexts();
    const dataset = await this.#dataset(texts, config.vocabSize, seen);
    // Loads the tokenizer in this process, after those that encode have shown that it is safe to load.
    const codec = await codecOf(texts);
    this.#context.log(`tokens that end an answer: ${endTokensText(endTokensOf(codec))}`);
    const questions = await this.#questions(codec, config.contextLength, seen);
    const refusal = ggufRefusal(config, texts, codec);
    return {
      prepareKey: this.#file.prepareKey,
      baseRevision: this.#baseAt.revision ?? original.digest,
      baseDigest: quantized?.digest ?? original.digest,
      datasetDigest: dataset.staged.digest,
      ...(questions && { evaluationSetDigest: questions.staged.digest }),
      ...(dataset.validationDigest && { validationDigest: dataset.validationDigest }),
      model: modelConfig.parse(config),
      baseDataType: quantized?.dense ?? storage.dense,
      baseBytes: bytes,
      ...(quantized && { quantized: quantized.figures }),
      ...(refusal !== undefined && { ggufRefusal: refusal }),
      dataset: {
        ...dataset.counts,
        testExamples: questions?.manifest.questions.length ?? 0,
        ...this.#remarks(dataset, questions),
        leakedExamples: seen.leaked(),
      },
    };
  }

  /** Reports dropped rows and unused columns: all of them in the log, the first ones in the figures. */
  #remarks(dataset: Read, questions: Read | undefined): Partial<PrepareFigures["dataset"]> {
    const overlong = [...dataset.unusable.overlongRows, ...(questions?.unusable.overlongRows ?? [])];
    const files = [...dataset.files, ...(questions?.files ?? [])];
    for (const row of overlong) this.#context.log(`dropped: ${row}: too long, truncation leaves no trained token`);
    for (const { uri, ignored } of files) {
      if (ignored.length > 0) this.#context.log(`${uri}: unused columns: ${ignored.join(", ")}`);
    }
    const [firstOverlong] = overlong;
    const ignored = [...new Set(files.flatMap((file) => file.ignored))];
    return {
      ...(questions && { overlongTestExamples: questions.unusable.overlong }),
      ...(firstOverlong !== undefined && { firstOverlong: firstOverlong.slice(-160) }),
      ...(ignored.length > 0 && { ignoredColumns: shortList(ignored) }),
    };
  }

  async #base(): Promise<StagedBase & { digest: string }> {
    const { stores, signal } = this.#context;
    const onBytes = (done: number, total: number) => {
      throwIfStopped(signal);
      this.#report({ phase: "Fetching", done, total, unit: "bytes" });
    };
    const { artifactRoot } = this.#file;
    const [objects, { chatTemplate, addedTokens }] = [this.#objects, this.#settings];
    // Tokens and adapters make another base, which is checked when it is complete.
    const isOwn = addedTokens.length === 0 && this.#adaptersAt.length === 0;
    const onHeaders = (model: StoredModel) => refuseUnfit(model, this.#file, isOwn);
    const own = await stageBase(this.#baseAt.uri, { stores, objects, artifactRoot, onHeaders, onBytes });
    if (addedTokens.length > 0 || chatTemplate !== undefined) await tryTokenizer(await own.model.codecTexts());
    const larger =
      addedTokens.length === 0 ? own : await withTokens(own, addedTokens, { stores, objects, log: this.#context.log });
    const spoken = chatTemplate === undefined ? larger : await withTemplate(larger, chatTemplate, { stores, objects });
    const staged =
      this.#adaptersAt.length === 0 ? spoken : await withAdapters(spoken, this.#adaptersAt, { stores, objects });
    if (!isOwn) await refuseUnfit(staged.model, this.#file, true);
    return { ...staged, digest: await this.#keepBase(staged.manifest) };
  }

  /** The base of the training, if it differs from the original. */
  async #quantized(original: StagedBase & { digest: string }, storage: CompileSpec["storage"]) {
    const { quantization } = effectiveBase(this.#file.baseModel);
    if (quantization === undefined) return undefined;
    if (storage.linear === "NF4") {
      throw invalid(
        "BaseAlreadyQuantized",
        "baseModel.quantization: the base model is stored in NF4 already (quantization_config of its config.json), and is trained as it is: remove quantization, or take the model as it was before its quantisation",
      );
    }
    const { stores, signal } = this.#context;
    const onTensor = (done: number, total: number) => {
      throwIfStopped(signal);
      this.#report({ phase: "Quantizing", done, total, unit: "tensors" });
    };
    const [objects, { artifactRoot }] = [this.#objects, this.#file];
    const method = this.#file.method && effectiveMethod(this.#file.method);
    const made = await quantizeBase({
      ...{ stores, objects, artifactRoot, original, quantization, onTensor },
      ...(method && quantizesFor(method) && { method }),
      threads: this.#context.threads,
    });
    const { manifest, bytes, dense } = made;
    return { digest: await this.#keepBase(manifest), figures: { ...quantization, bytes }, dense };
  }

  async #keepBase(manifest: BaseManifest): Promise<string> {
    for (const { digest, bytes } of manifest.files) this.#keep({ digest, bytes });
    return this.#keep(await putManifest(this.#objects, manifest)).digest;
  }

  async #dataset(texts: CodecTexts, vocabSize: number, seen: SeenTexts) {
    const settings = this.#settings;
    const { stores, signal, threads } = this.#context;
    const files = this.#files.dataset;
    const made = await stageDataset({
      ...{ stores, texts, settings, vocabSize, seen, signal, threads, files, onBytes: this.#tokenizing(files) },
      objects: this.#objects,
      onStaging: (done, total) => this.#report({ phase: "Staging", done, total, unit: "examples" }),
    });
    for (const object of made.objects) this.#keep(object);
    return { staged: this.#keep(await putManifest(this.#objects, made.manifest)), ...made };
  }

  async #questions(codec: Codec, contextLength: number, seen: SeenTexts) {
    const { evaluation } = this.#file;
    if (evaluation === undefined) return undefined;
    const { stores, signal } = this.#context;
    const { maxSequenceLength, maxBadFraction } = this.#settings;
    const files = this.#files.test;
    const onBytes = this.#tokenizing(files);
    // One position of the context is reserved for the answer's first token.
    const maxTokens = Math.min(maxSequenceLength, contextLength - 1);
    const read = await readQuestions(files, { stores, codec, maxTokens, maxBadFraction, onBytes, seen, signal });
    return { staged: this.#keep(await putManifest(this.#objects, read.manifest)), ...read };
  }

  /** Finds all inputs, and hashes their names, sizes and times: cheap to compute, and it changes with any of them. */
  async #fingerprint(): Promise<string> {
    const { uri: base } = this.#baseAt;
    const hash = createHash("sha256");
    const note = (...facts: (string | number)[]) => hash.update(`${facts.join("\0")}\n`);
    for (const entry of await this.#context.stores.of(base).list(base)) {
      note(base, entry.path, entry.bytes, entry.version);
    }
    for (const uri of this.#adaptersAt) {
      for (const entry of await this.#context.stores.of(uri).list(uri))
        note(uri, entry.path, entry.bytes, entry.version);
    }
    const template = this.#settings.chatTemplate?.uri;
    if (template !== undefined) {
      const entry = await this.#context.stores.of(template).stat(template);
      if (!entry) throw new MissingFileError(template);
      note(template, entry.bytes, entry.version);
    }
    await this.#find();
    for (const { uri, entry } of [...this.#files.dataset, ...this.#files.test]) note(uri, entry.bytes, entry.version);
    return `sha256:${hash.digest("hex")}`;
  }

  async #find(): Promise<void> {
    const { stores, log } = this.#context;
    const { others, ...files } = await inputFiles(this.#settings, this.#file.evaluation, stores);
    if (others.length > 0) log(`files that are not data files, and are not read: ${shortList(others).join(", ")}`);
    this.#files = files;
  }

  #listing(): NonNullable<PreparedManifest["files"]> {
    return listingOf(this.#files);
  }

  /** The result of an earlier prepare, if it is intact and its inputs are unchanged. */
  async #known(fingerprint: string): Promise<PreparedManifest | undefined> {
    const uri = this.#manifestUri();
    const store = this.#context.stores.of(uri);
    if (!(await store.stat(uri))) return undefined;
    const parsed = preparedManifest.safeParse(jsonOf(await store.read(uri)));
    if (!parsed.success || parsed.data.fingerprint !== fingerprint) return undefined;
    for (const object of parsed.data.objects) if (!(await this.#objects.has(object))) return undefined;
    return parsed.data;
  }

  async #commit(manifest: PreparedManifest): Promise<void> {
    const uri = this.#manifestUri();
    await this.#context.stores.of(uri).write(uri, Buffer.from(JSON.stringify(manifest)));
  }

  #manifestUri(): string {
    return `${storeLayout.prepared(this.#file.artifactRoot, this.#file.prepareKey)}/manifest.json`;
  }

  #keep(object: StagedObject): StagedObject {
    this.#staged.push(object);
    return object;
  }

  /** Reports the reading of `files`; the result takes the number of bytes read. */
  #tokenizing(files: readonly FoundFile[]): (bytes: number) => void {
    const total = files.reduce((sum, { entry }) => sum + entry.bytes, 0);
    let done = 0;
    return (bytes) => {
      done = Math.min(total, done + bytes);
      this.#report({ phase: "Tokenizing", done, total, unit: "bytes" });
    };
  }

  #report(update: ProgressUpdate): void {
    this.progress.report(update);
  }
}
