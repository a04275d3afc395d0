/**
 * Train: from pins to an adapter. Everything is read from the artifact store by digest. A finished run is found by its
 * report and nothing is done; an unfinished one goes on from its newest checkpoint.
 */
import { totalmem } from "node:os";
import { compile } from "../compile/compile.ts";
import { type EffectiveSettings, effectiveSettings } from "../contract/effective.ts";
import { exitCode } from "../contract/exitCodes.ts";
import type { ExactMatch, TrainFigures } from "../contract/report.ts";
import type { TrainFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { invalid, StageFailure } from "../failure.ts";
import { CacheForward } from "../generation/cacheForward.ts";
import { evaluateExactMatch } from "../generation/exactMatch.ts";
import { type RopeTable, ropeTable } from "../models/rope.ts";
import { addon } from "../native/addon.ts";
import { type Plan, PlanError, type PlanInput, plan } from "../plan.ts";
import { ProgressReporter } from "../progressReporter.ts";
import { Objects } from "../stores/objects.ts";
import { type AdapterFacts, writeAdapter } from "../training/adapter.ts";
import { Checkpoints, type LoopState, type Parameters } from "../training/checkpoint.ts";
import { Engine } from "../training/engine.ts";
import { Metrics } from "../training/metrics.ts";
import { finishedReport, writeReport } from "../training/report.ts";
import { TrainingLoop, type TrainingResult } from "../training/run.ts";
import { WriterEpoch } from "../training/writerEpoch.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { nameOfExample, readTrainInputs, type TrainInputs } from "./trainInputs.ts";

export interface TrainResult {
  figures: TrainFigures;
  reportDigest: string;
  /** True when the run was finished before. */
  reused: boolean;
}

export async function runTrain(file: TrainFile, context: StageContext): Promise<TrainResult> {
  const run = storeLayout.run(file.artifactRoot, file.runHash);
  const finished = await finishedReport(context.stores, run, file.runHash);
  if (finished) return { figures: finished.figures, reportDigest: finished.digest, reused: true };
  const training = new Training(file, context, run);
  try {
    const { figures, digest } = await training.run();
    return { figures, reportDigest: digest, reused: false };
  } finally {
    training.close();
  }
}

class Training {
  readonly #file: TrainFile;
  readonly #context: StageContext;
  readonly #run: string;
  readonly #objects: Objects;
  readonly #settings: EffectiveSettings;
  readonly #progress: ProgressReporter;
  #engine: Engine | undefined;

  constructor(file: TrainFile, context: StageContext, run: string) {
    this.#file = file;
    this.#context = context;
    this.#run = run;
    this.#objects = new Objects(context.stores, file.artifactRoot);
    this.#settings = effectiveSettings(file.spec);
    this.#progress = new ProgressReporter(context.onProgress, context.progressInterval);
  }

  close(): void {
    this.#progress.close();
    this.#engine?.close();
  }

  async run() {
    const { stores, signal, log } = this.#context;
    const { runHash } = this.#file;
    const epoch = await WriterEpoch.take(stores, this.#run);
    const inputs = await this.#inputs();
    const planned = await this.#plan(inputs);
    const engine = await this.#open(planned, inputs);
    const rope = ropeTable(
      planned.spec.model,
      Math.max(planned.spec.rowTokens, planned.spec.generation?.capacity ?? 0),
    );
    const { numericsVersion, isa } = addon().info();
    const facts = { runHash, writerEpoch: epoch.number, numericsVersion, isa };
    const checkpoints = new Checkpoints(stores, storeLayout.checkpoints(this.#run));
    const metrics = new Metrics(stores, storeLayout.metrics(this.#run), this.#progress);
    const start = await this.#start(engine, inputs, checkpoints, facts, () =>
      this.#evaluate(planned, inputs, rope, "EvaluatingBefore"),
    );
    await metrics.resume(start.state.step);
    const { rowTokens, microRows } = planned.spec;
    const { trainedRowBuckets } = engine.compiled;
    const parts = {
      engine,
      dataset: inputs.train,
      shape: { rowTokens, microRows, trainedRowBuckets },
      rope,
      settings: this.#settings.training,
      steps: planned.steps,
      nameOf: (example: number) => nameOfExample(inputs, example),
    };
    const { training: settings } = this.#settings;
    const { validation } = inputs;
    const loop = new TrainingLoop(
      { parts, settings, validation, checkpoints, facts, epoch, metrics, signal, log },
      start.state,
      start.best,
    );
    const result = await loop.train();
    await this.#use(engine, result.parameters);
    const evaluationAfter = await this.#evaluate(planned, inputs, rope, "EvaluatingAfter");
    const written = await this.#finish(planned, inputs, result, evaluationAfter, epoch);
    await metrics.flush();
    await checkpoints.clear();
    return written;
  }

  async #inputs(): Promise<TrainInputs> {
    return await readTrainInputs(this.#context.stores, this.#objects, this.#file.pins, (done, total) => {
      throwIfStopped(this.#context.signal);
      this.#progress.report({ phase: "Loading", done, total, unit: "tensors" });
    });
  }

  async #plan(inputs: TrainInputs): Promise<Plan> {
    const availableBytes = availableMemory();
    const model = await inputs.base.config();
    const { baseDataType, train, questions } = inputs;
    const dataset = { rows: train.rowCount, testExamples: questions?.length ?? 0 };
    const planned = planOrFail({ settings: this.#settings, model, baseDataType, dataset, availableBytes });
    if (train.rowTokens !== planned.spec.rowTokens) {
      throw invalid(
        "PinsMismatch",
        `the pinned data set has rows of ${train.rowTokens} tokens, the run file says ${planned.spec.rowTokens}`,
      );
    }
    this.#context.log(
      `plan: ${planned.steps} steps, ${planned.trainableParameters} of ${planned.totalParameters} parameters trained, ` +
        `${planned.microRows} rows a micro-batch, ${megabytes(planned.predictedPeakBytes)} of ${megabytes(availableBytes)}`,
    );
    if (planned.fits) return planned;
    const way = planned.nearestFit ? `; ${planned.nearestFit.change} would fit` : "";
    throw new StageFailure(
      exitCode.outOfDeviceMemory,
      "DoesNotFit",
      `the training needs ${megabytes(planned.predictedPeakBytes)}, ${megabytes(availableBytes)} are available${way}`,
    );
  }

  async #open(planned: Plan, inputs: TrainInputs): Promise<Engine> {
    const engine = new Engine(compile(planned.spec), { threads: this.#context.threads });
    this.#engine = engine;
    await engine.bind(inputs.tensors);
    return engine;
  }

  /** The newest checkpoint's state, or the beginning. */
  async #start(
    engine: Engine,
    inputs: TrainInputs,
    checkpoints: Checkpoints,
    facts: { runHash: string; numericsVersion: number; isa: string },
    evaluate: () => Promise<ExactMatch | undefined>,
  ): Promise<{ state: LoopState; best: Parameters | undefined }> {
    const { log } = this.#context;
    const loaded = await checkpoints.load(engine, facts, log);
    if (!loaded) await engine.initialise(inputs.tensors, this.#settings.training.seed);
    await engine.run({ stage: "derive" });
    if (!loaded) {
      const evaluationBefore = await evaluate();
      return { state: { ...beginning, ...(evaluationBefore && { evaluationBefore }) }, best: undefined };
    }
    log(`going on after step ${loaded.state.step}${loaded.state.bitwise ? "" : ", on another target: not bitwise"}`);
    return { ...loaded, state: { ...loaded.state, resumes: loaded.state.resumes + 1 } };
  }

  /** Puts parameters into the engine. */
  async #use(engine: Engine, parameters: Parameters): Promise<void> {
    for (const [name, values] of parameters) engine.floats("parameter", name).set(values);
    await engine.run({ stage: "derive" });
  }

  async #evaluate(
    planned: Plan,
    { questions, codec }: TrainInputs,
    rope: RopeTable,
    phase: "EvaluatingBefore" | "EvaluatingAfter",
  ): Promise<ExactMatch | undefined> {
    const { generation } = planned.spec;
    if (!questions || !generation) return undefined;
    const onAnswer = (done: number) => {
      throwIfStopped(this.#context.signal);
      this.#progress.report({ phase, done, total: questions.length, unit: "examples" });
    };
    onAnswer(0);
    const forward = new CacheForward(this.#engine!, generation, rope);
    const { maxNewTokens } = this.#settings.evaluation!;
    return await evaluateExactMatch(forward, questions, codec.tokenizer, maxNewTokens, onAnswer);
  }

  async #finish(
    planned: Plan,
    inputs: TrainInputs,
    result: TrainingResult,
    evaluationAfter: ExactMatch | undefined,
    epoch: WriterEpoch,
  ) {
    const { stores } = this.#context;
    const { pins, runHash } = this.#file;
    this.#progress.report({ phase: "Saving", done: 0, total: 1, unit: "steps" });
    const facts: AdapterFacts = {
      runHash,
      baseDigest: pins.baseDigest,
      baseUri: this.#settings.baseModel.uri,
      method: this.#settings.method,
    };
    const what = {
      engine: this.#engine!,
      parameters: result.parameters,
      base: inputs.base,
      baseDataType: inputs.baseDataType,
    };
    const adapter = await writeAdapter(stores, storeLayout.adapter(this.#run), what, facts, () => epoch.check());
    const figures = this.#figures(planned, result, evaluationAfter, adapter);
    const report = await writeReport(stores, this.#run, figures, this.#details(planned, result, epoch));
    this.#progress.report({ phase: "Saving", done: 1, total: 1, unit: "steps" });
    return report;
  }

  #figures(
    planned: Plan,
    { state }: TrainingResult,
    evaluationAfter: ExactMatch | undefined,
    adapter: { digest: string; bytes: number },
  ): TrainFigures {
    const { numericsVersion, isa } = addon().info();
    const best = this.#settings.training.keep === "Best" && state.bestEvalLoss !== undefined;
    const evalLoss = best ? state.bestEvalLoss : state.evalLoss;
    return {
      runHash: this.#file.runHash,
      steps: state.step,
      bestStep: best ? state.bestStep : state.step,
      loss: state.loss,
      ...(evalLoss !== undefined && { evalLoss }),
      ...(state.evaluationBefore && { evaluationBefore: state.evaluationBefore }),
      ...(evaluationAfter && { evaluationAfter }),
      trainableParameters: planned.trainableParameters,
      totalParameters: planned.totalParameters,
      trainedTokens: state.trainedTokens,
      tokensPerSecond: state.seconds === 0 ? 0 : state.tokens / state.seconds,
      seconds: state.seconds,
      predictedPeakBytes: planned.predictedPeakBytes,
      measuredPeakBytes: process.resourceUsage().maxRSS * 1024,
      resumes: state.resumes,
      adapterDigest: adapter.digest,
      adapterBytes: adapter.bytes,
      numericsVersion,
      isa,
    };
  }

  #details(planned: Plan, { state }: TrainingResult, epoch: WriterEpoch) {
    const { pins, specHash } = this.#file;
    const { memory, microRows, recomputedBlocks, flopsPerStep } = planned;
    return {
      specHash,
      pins,
      settings: this.#settings,
      plan: { memory, microRows, recomputedBlocks, flopsPerStep },
      enginePeakBytes: this.#engine!.peakBytes(),
      bitwise: state.bitwise,
      writerEpoch: epoch.number,
      finishedAt: new Date().toISOString(),
    };
  }
}

const beginning: LoopState = {
  step: 0,
  loss: 0,
  bestStep: 0,
  evaluationsWithoutImprovement: 0,
  trainedTokens: 0,
  tokens: 0,
  seconds: 0,
  resumes: 0,
  bitwise: true,
};

function planOrFail(input: PlanInput): Plan {
  try {
    return plan(input);
  } catch (error) {
    if (error instanceof PlanError) throw invalid("PlanImpossible", error.message);
    throw error;
  }
}

/** Memory that this process may use: the machine's, or less where a cgroup says so. */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
