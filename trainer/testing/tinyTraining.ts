/**
 * A whole training small enough for a test: a tiny base, a task that it learns in seconds (whether the first word is
 * odd or even), and a directory for artifacts. It builds the run files of its stages.
 */
import { cp, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import type { ExportEntry } from "../contract/exports.ts";
import type { ExportFile, Pins, PrepareFile, TrainFile } from "../contract/runFile.ts";
import type { TrainingSpec } from "../contract/settings.ts";
import { exportFile, pinsOf, prepareFile, trainFile } from "../contract/stageFiles.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { runPrepare } from "../stages/prepare.ts";
import { runTrain } from "../stages/train.ts";
import type { Stores } from "../stores/stores.ts";
import { type TestStage, temporaryDirectory, testContext } from "./temporary.ts";
import { writeTinyAdapter } from "./tinyAdapter.ts";
import { type TinyShape, writeTinyModel } from "./tinyModel.ts";

export interface TinyOptions {
  shape?: Partial<TinyShape>;
  quantization?: TrainingSpec["baseModel"]["quantization"];
  method?: TrainingSpec["method"];
  /** X-LoRA instead of a method, of an adapter that learnt the task in a training of its own, and a random one. */
  mixes?: Omit<NonNullable<TrainingSpec["method"]["xlora"]>, "adapters">;
  training?: NonNullable<TrainingSpec["training"]>;
  dataset?: Partial<TrainingSpec["dataset"]>;
  /** Members of the evaluation in addition to its data. */
  evaluation?: Partial<TrainingSpec["evaluation"]>;
  examples?: number;
  /** Rows of the training data instead of the usual ones. */
  rows?: readonly object[];
  /** The location of artifacts, and the stores that reach it. Default: a directory of the test. */
  artifacts?: Artifacts;
}

interface Artifacts {
  readonly root: string;
  readonly stores?: Stores;
}

export class TinyTraining {
  readonly directory: string;
  readonly spec: TrainingSpec;
  readonly artifactRoot: string;
  pins: Pins | undefined;
  readonly #stores: Stores | undefined;

  private constructor(directory: string, spec: TrainingSpec, { root, stores }: Artifacts) {
    this.directory = directory;
    this.spec = spec;
    this.artifactRoot = root;
    this.#stores = stores;
  }

  /** Writes the base and the data. */
  static async make(t: TestContext, options: TinyOptions = {}): Promise<TinyTraining> {
    const directory = await temporaryDirectory(t);
    const shape = { hiddenSize: 32, intermediateSize: 64, layers: 2, heads: 2, kvHeads: 1, contextLength: 64 };
    await writeTinyModel(`${directory}/base`, { ...shape, ...options.shape });
    const { rows } = options;
    const data = rows ? rows.map((row) => `${JSON.stringify(row)}\n`).join("") : rowsOf(0, options.examples ?? 60);
    await writeFile(`${directory}/train.jsonl`, data);
    await writeFile(`${directory}/test.jsonl`, rowsOf(900, 8));
    const artifacts = options.artifacts ?? { root: `file://${directory}/artifacts` };
    const spec = specOf(directory, options);
    if (!options.mixes) return new TinyTraining(directory, spec, artifacts);
    const adapters = await adaptersIn(directory, options);
    const method = { xlora: { ...options.mixes, adapters: adapters.map((uri) => ({ uri })) } };
    return new TinyTraining(directory, { ...spec, method }, artifacts);
  }

  /** The adapter of this training, alone in a directory of artifacts. */
  static async learnt(directory: string, spec: TrainingSpec): Promise<string> {
    const training = new TinyTraining(directory, spec, { root: `file://${directory}/learnt` });
    await runTrain(await training.trainFile(), training.context());
    return `${await training.runPath()}/adapter`;
  }

  /**
   * The same training, or one with other settings of it, with the same prepared inputs in artifacts of its own; only for local
   * artifacts.
   */
  async twin(training: TinyOptions["training"] = {}): Promise<TinyTraining> {
    const pins = await this.prepare();
    const root = `${this.artifactRoot}-twin`;
    await cp(new URL(this.artifactRoot), new URL(root), { recursive: true });
    const spec = { ...this.spec, training: { ...this.spec.training, ...training } };
    const twin = new TinyTraining(this.directory, spec, { root });
    twin.pins = pins;
    return twin;
  }

  context(): TestStage {
    return testContext(this.directory, this.#stores && { stores: this.#stores });
  }

  prepareFile(): PrepareFile {
    return prepareFile(this);
  }

  /** Runs prepare, only once. */
  async prepare(): Promise<Pins> {
    this.pins ??= pinsOf((await runPrepare(this.prepareFile(), this.context())).figures);
    return this.pins;
  }

  /** A run with its own `artifactRoot`; another root trains the same run again. */
  async trainFile(): Promise<TrainFile> {
    return trainFile(this, await this.prepare());
  }

  async exportFile(adapterDigest: string, merged: ExportEntry["merged"], name = "merged"): Promise<ExportFile> {
    return await this.exportFileOf(adapterDigest, { name, merged });
  }

  async exportFileOf(adapterDigest: string, entry: ExportEntry): Promise<ExportFile> {
    const { pins, runHash, artifactRoot } = await this.trainFile();
    return exportFile({ artifactRoot, runHash, adapterDigest, ...pins }, entry);
  }

  /** The run's local directory. */
  async runPath(): Promise<string> {
    const { artifactRoot, runHash: hash } = await this.trainFile();
    return storeLayout.run(artifactRoot, hash).slice("file://".length);
  }
}

/** The URIs of an adapter that learnt the task and of a random one. */
async function adaptersIn(directory: string, options: TinyOptions): Promise<string[]> {
  const training = { maxSteps: 40, batchTokens: 256, learningRate: "2e-2" };
  const { quantization: _, ...plain } = options;
  const spec = specOf(directory, { ...plain, method: { lora: { rank: 4 } }, training });
  const random = { lora: { rank: 2, alpha: 3, targetModules: ["q_proj", "down_proj"] } };
  await writeTinyAdapter(`${directory}/random`, `${directory}/base`, random);
  return [`file://${await TinyTraining.learnt(directory, spec)}`, `file://${directory}/random`];
}

function rowsOf(first: number, count: number): string {
  const rows = Array.from({ length: count }, (_, index) => {
    const odd = index % 2 === 1;
    const messages = [
      { role: "user", content: `${odd ? "odd" : "even"} ${first + index}` },
      { role: "assistant", content: odd ? "no" : "yes" },
    ];
    return `${JSON.stringify({ messages })}\n`;
  });
  return rows.join("");
}

function specOf(directory: string, { quantization, method, training, dataset, evaluation }: TinyOptions): TrainingSpec {
  return {
    baseModel: { uri: `file://${directory}/base`, ...(quantization && { quantization }) },
    dataset: {
      sources: [{ uri: `file://${directory}/train.jsonl` }],
      validation: { fraction: "0.2" },
      maxSequenceLength: 64,
      ...dataset,
    },
    method: method ?? { lora: { rank: 4 } },
    training: { maxSteps: 12, batchTokens: 256, learningRate: "1e-2", ...training },
    evaluation: {
      test: { uri: `file://${directory}/test.jsonl` },
      metrics: ["ExactMatch"],
      maxNewTokens: 4,
      ...evaluation,
    },
  };
}
