/**
 * Train: from pins to an adapter. It reads everything from the artifact store by digest. A run that has a report is
 * finished and is not trained again; an unfinished run resumes from its newest checkpoint.
 */
import { compile } from "../compile/compile.ts";
import { type EffectiveSettings, effectiveSettings } from "../contract/effective.ts";
import type { EvaluationFigures, TrainFigures } from "../contract/report.ts";
import type { TrainFile } from "../contract/runFile.ts";
import { storeLayout } from "../contract/storeLayout.ts";
import { CacheForward } from "../engine/cacheForward.ts";
import { Engine, type EngineMemory, type Parameters } from "../engine/engine.ts";
import { parseJson } from "../formats/huggingFace.ts";
import { evaluate } from "../generation/evaluation.ts";
import type { Device } from "../graph/op.ts";
import { type RopeTable, ropeTable } from "../models/rope.ts";
import { addon } from "../native/addon.ts";
import { productOf } from "../planning/gpus.ts";
import type { Plan } from "../planning/plan.ts";
import { ProgressReporter } from "../progress/progressReporter.ts";
import { Objects } from "../stores/objects.ts";
import { Checkpoints, type LoopState } from "../training/checkpoint.ts";
import { Metrics } from "../training/metrics.ts";
import { forgetPeak, peakBytes, releaseMemory } from "../training/peakMemory.ts";
import { finishedReport, type WrittenReport, writeReport } from "../training/report.ts";
import { TrainingLoop, type TrainingResult } from "../training/run.ts";
import { setUp } from "../training/setUp.ts";
import type { StepParts } from "../training/step.ts";
import { WriterEpoch } from "../training/writerEpoch.ts";
import { writeAdapter } from "../weights/adapter.ts";
import { baseNameOf } from "../weights/baseName.ts";
import { storedFactors } from "../weights/storedFactors.ts";
import { classified } from "./classify.ts";
import { type StageContext, throwIfStopped } from "./context.ts";
import { figuresOf } from "./figures.ts";
import { withMemoryTable } from "./gpuHere.ts";
import { nameOfExample, readTrainInputs, type TrainInputs } from "./trainInputs.ts";
import { planHere } from "./trainPlan.ts";

export interface TrainResult {
  figures: TrainFigures;
  reportDigest: string;
  /** True when the run was already finished. */
  reused: boolean;
}

export async function runTrain(file: TrainFile, context: StageContext): Promise<TrainResult> {
  return await classified(async () => {
    const run = storeLayout.run(file.artifactRoot, file.runHash);
    const known = () => finishedReport(context.stores, run, file.runHash);
    let finished = await known();
    if (finished) return resultOf(finished, true);
    const epoch = await WriterEpoch.take(context.stores, run);
    await writePins(file, context, run);
    // The previous writer may have finished and removed its checkpoints since the first check.
    finished = await known();
    if (finished) return resultOf(finished, true);
    return resultOf(await train(file, context, run, epoch), false);
  });
}

/** Records the objects that the run needs, for garbage collection. */
async function writePins({ pins }: TrainFile, { stores }: StageContext, run: string): Promise<void> {
  const uri = storeLayout.pins(run);
  if (!(await stores.of(uri).stat(uri))) await stores.of(uri).write(uri, Buffer.from(JSON.stringify(pins)));
}

const resultOf = ({ figures, digest }: WrittenReport, reused: boolean): TrainResult => ({
  figures,
  reportDigest: digest,
  reused,
});

async function train(file: TrainFile, context: StageContext, run: string, epoch: WriterEpoch): Promise<WrittenReport> {
  releaseMemory();
  const residentAtStart = forgetPeak();
  const progress = new ProgressReporter(context.onProgress, context.progressInterval);
  const settings = effectiveSettings(file.spec);
  try {
    const inputs = await readInputs(file, context, progress);
    const threads = context.threads || addon().info().cores;
    const plan = await planHere(settings, inputs, file.artifactRoot, { ...context, threads });
    // Planning and reading leave more than the training will.
    releaseMemory();
    const opened = { file, context, run, progress, settings, epoch, inputs, plan, residentAtStart };
    try {
      return await onEngine(opened, threads);
    } catch (error) {
      throw plan.spec.device === "cuda" ? withMemoryTable(error, plan) : error;
    }
  } finally {
    progress.close();
  }
}

async function onEngine(opened: Omit<Opened, "engine">, threads: number): Promise<WrittenReport> {
  const { plan, inputs } = opened;
  const engine = new Engine(compile(plan.spec), { threads, backend: plan.spec.device });
  try {
    await engine.bind(inputs.tensors);
    return await new Training({ ...opened, engine }).run();
  } finally {
    engine.close();
  }
}

async function readInputs(file: TrainFile, context: StageContext, progress: ProgressReporter): Promise<TrainInputs> {
  const objects = new Objects(context.stores, file.artifactRoot);
  return await readTrainInputs(context.stores, objects, file.pins, (done, total) => {
    throwIfStopped(context.signal);
    progress.report({ phase: "Loading", done, total, unit: "bytes" });
  });
}

/** Everything that a training uses, opened. */
interface Opened {
  file: TrainFile;
  context: StageContext;
  /** URI of the run's directory. */
  run: string;
  progress: ProgressReporter;
  settings: EffectiveSettings;
  epoch: WriterEpoch;
  inputs: TrainInputs;
  plan: Plan;
  engine: Engine;
  /** Memory of the process at the start, in bytes. */
  residentAtStart: number;
}

class Training {
  readonly #opened: Opened;
  readonly #rope: RopeTable;
  readonly #target: Executed;
  readonly #checkpoints: Checkpoints;
  readonly #metrics: Metrics;

  constructor(opened: Opened) {
    const { context, run, progress } = opened;
    const { model, rowTokens, generation } = opened.plan.spec;
    this.#opened = opened;
    this.#target = executedOn(opened.plan.spec.device);
    const { positionOffset } = opened.engine.compiled;
    this.#rope = ropeTable(model, Math.max(rowTokens, generation?.capacity ?? 0), positionOffset);
    this.#checkpoints = new Checkpoints(context.stores, storeLayout.checkpoints(run));
    this.#metrics = new Metrics(context.stores, run, progress, this.#target.peakBytes);
  }

  async run(): Promise<WrittenReport> {
    const start = await this.#start();
    await this.#metrics.resume(start.state.step);
    const result = await this.#loop(start.state, start.best).train();
    await this.#use(result.parameters);
    const evaluationAfter = await this.#evaluate("EvaluatingAfter");
    const report = await this.#finish(result, evaluationAfter);
    // They belong to the next writer, if there is one.
    await this.#opened.epoch.check();
    await this.#checkpoints.clear();
    return report;
  }

  get #facts() {
    const { numericsVersion, machine } = this.#target;
    const { file, epoch, plan } = this.#opened;
    return {
      runHash: file.runHash,
      writerEpoch: epoch.number,
      numericsVersion,
      isa: machine,
      microRows: plan.microRows,
    };
  }

  /** The newest checkpoint's state, or the initial state. */
  async #start(): Promise<{ state: LoopState; best: Parameters | undefined }> {
    const { engine, inputs, settings, context } = this.#opened;
    const loaded = await this.#checkpoints.load(engine, this.#facts, context.log);
    if (!loaded) {
      await engine.initialise(inputs.tensors, settings.training.seed, {
        beforeTensor: () => throwIfStopped(context.signal),
        stored: storedFactors(inputs.base),
        encode: async (text) => (await inputs.base.codec()).tokenizer.encodeWhole(text),
      });
      await this.#setUp();
    }
    await engine.bindResiduals(inputs.tensors);
    // Reading the first values leaves buffers.
    releaseMemory();
    await engine.run({ program: "derive" });
    if (!loaded) {
      const evaluationBefore = await this.#evaluate("EvaluatingBefore");
      return { state: { ...beginning, ...(evaluationBefore && { evaluationBefore }) }, best: undefined };
    }
    const { state, best } = loaded;
    context.log(
      `resuming after step ${state.step}${state.bitwise ? "" : ", on another target or micro-batch: not bitwise"}`,
    );
    return { state: { ...state, resumes: state.resumes + 1 }, best };
  }

  /** Lets the method read the training data before the first step. */
  async #setUp(): Promise<void> {
    const { context, progress } = this.#opened;
    let done = 0;
    await setUp(this.#parts, context.signal, () => {
      throwIfStopped(context.signal);
      progress.report({ phase: "Loading", done: ++done, total: done, unit: "rows" });
    });
  }

  get #parts(): StepParts {
    const { engine, inputs, plan, settings } = this.#opened;
    const { rowTokens, microRows } = plan.spec;
    return {
      engine,
      dataset: inputs.train,
      shape: { rowTokens, microRows, trainedRowBuckets: engine.compiled.trainedRowBuckets },
      rope: this.#rope,
      settings: settings.training,
      steps: plan.steps,
      nameOf: (example: number) => nameOfExample(inputs, example),
    };
  }

  #loop(state: LoopState, best: Parameters | undefined): TrainingLoop {
    const { inputs, settings, context, epoch } = this.#opened;
    const run = {
      parts: this.#parts,
      settings: settings.training,
      validation: inputs.validation,
      checkpoints: this.#checkpoints,
      facts: this.#facts,
      epoch,
      metrics: this.#metrics,
      signal: context.signal,
    };
    return new TrainingLoop(run, state, best);
  }

  /** Copies parameters into the engine. */
  async #use(parameters: Parameters): Promise<void> {
    const { engine } = this.#opened;
    for (const [name, values] of parameters) engine.floats("parameter", name).set(values);
    await engine.run({ program: "derive" });
  }

  /** The task metrics with the engine's current parameters; undefined when none is configured. */
  async #evaluate(phase: "EvaluatingBefore" | "EvaluatingAfter"): Promise<EvaluationFigures | undefined> {
    const { engine, inputs, plan, settings, context, progress } = this.#opened;
    const { questions, base } = inputs;
    const { generation } = plan.spec;
    if (!questions || !generation || !settings.evaluation) return undefined;
    const onQuestion = (done: number, total: number) => progress.report({ phase, done, total, unit: "examples" });
    const codec = await base.codec();
    const forward = new CacheForward(engine, generation, this.#rope);
    const { signal } = context;
    return await evaluate(forward, questions, codec, { settings: settings.evaluation, onQuestion, signal });
  }

  /** Writes the adapter, the curve and finally the report. */
  async #finish(
    { parameters, state }: TrainingResult,
    evaluationAfter: EvaluationFigures | undefined,
  ): Promise<WrittenReport> {
    const { file, context, run, progress, settings, epoch, inputs, plan, engine } = this.#opened;
    const saving = { phase: "Saving", total: parameters.size, unit: "tensors" } as const;
    progress.report({ ...saving, done: 0 });
    const { base, storage } = inputs;
    const facts = {
      runHash: file.runHash,
      baseDigest: file.pins.baseDigest,
      baseUri: settings.baseModel.uri,
      baseName: baseNameOf({
        uri: settings.baseModel.uri,
        revision: file.spec.baseModel.revision,
        commit: file.pins.baseRevision,
        config: parseJson("config.json", await base.text("config.json")),
      }),
      method: settings.method,
      steps: plan.steps,
    };
    const result = { engine, parameters, base, baseDataType: storage.dense };
    const adapter = await writeAdapter(context.stores, storeLayout.adapter(run), result, facts, () => epoch.check());
    await this.#metrics.flush();
    const measuredPeakBytes = this.#target.peakBytes();
    // One reading on a CPU, where both are the process's: its peak may grow in between.
    const processPeakBytes = plan.spec.device === "cpu" ? measuredPeakBytes : peakBytes();
    const figures = figuresOf({
      runHash: file.runHash,
      plan,
      state,
      keep: settings.training.keep,
      evaluationAfter,
      adapter,
      measuredPeakBytes,
      target: this.#target,
    });
    await epoch.check();
    const report = await writeReport(context.stores, run, figures, this.#details(state, processPeakBytes));
    progress.report({ ...saving, done: saving.total });
    return report;
  }

  /** The members of the report in addition to the figures. */
  #details(state: LoopState, processPeakBytes: number) {
    const { file, settings, plan, engine, epoch, residentAtStart } = this.#opened;
    const { memory, microRows, recomputedBlocks, flopsPerStep } = plan;
    return {
      specHash: file.specHash,
      pins: file.pins,
      settings,
      plan: { memory, microRows, recomputedBlocks, flopsPerStep },
      measured: { residentAtStart, ...measuredMemory(engine.memory(), processPeakBytes) },
      bitwise: state.bitwise,
      writerEpoch: epoch.number,
      finishedAt: new Date().toISOString(),
    };
  }
}

/**
 * The used and the planned bytes of each engine region (the arena's high-water mark is that of the programs that ran),
 * and the process's other memory.
 */
function measuredMemory(engine: EngineMemory, processPeakBytes: number) {
  const engineBytes = Object.values(engine).reduce((sum, bytes) => sum + bytes, 0);
  return { processPeakBytes, engine, besideEngine: Math.max(0, processPeakBytes - engineBytes) };
}

/** The device that executes the programs: bits are the same only for the same `machine`. */
interface Executed {
  readonly numericsVersion: number;
  /** The kind of instructions, in short. */
  readonly isa: string;
  readonly machine: string;
  /** The most memory so far: of the GPU, or of the process. */
  peakBytes(): number;
}

function executedOn(device: Device): Executed {
  const { numericsVersion, isa } = addon().info();
  if (device === "cpu") return { numericsVersion, isa, machine: isa, peakBytes };
  const { name, computeCapability, driverVersion } = addon().gpu();
  return {
    numericsVersion,
    isa: `CUDA ${computeCapability}`,
    machine: `CUDA ${computeCapability}, ${productOf(name)}, driver ${driverVersion}`,
    peakBytes: () => addon().gpu().peakBytes,
  };
}

const beginning: LoopState = {
  step: 0,
  loss: 0,
  evaluatedStep: 0,
  bestStep: 0,
  evaluationsWithoutImprovement: 0,
  trainedTokens: 0,
  tokens: 0,
  seconds: 0,
  resumes: 0,
  bitwise: true,
};
