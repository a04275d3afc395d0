/** Runs a golden's case on our engine: compiled, bound to the golden's base, with the golden's initial parameters. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { compile } from "../../trainer/compile/compile.ts";
import { givenSourcesOf } from "../../trainer/contract/methods/index.ts";
import type { BatchShape } from "../../trainer/engine/batch.ts";
import { Engine } from "../../trainer/engine/engine.ts";
import { encodeSafetensors, type TensorData } from "../../trainer/formats/safetensorsWriter.ts";
import type { CompileSpec } from "../../trainer/graph/compiled.ts";
import { ropeTable } from "../../trainer/models/rope.ts";
import type { Backend } from "../../trainer/native/addon.ts";
import { Stores } from "../../trainer/stores/stores.ts";
import { setUp } from "../../trainer/training/setUp.ts";
import type { StepParts } from "../../trainer/training/step.ts";
import { readPeftAdapter } from "../../trainer/weights/adapterSource.ts";
import { type GivenTensors, givenTensors } from "../../trainer/weights/givenAdapters.ts";
import { modelConfigOf, tensorsOf } from "../support/modelDirectory.ts";
import { bfloat16Base, nf4Base, plainBase } from "./bases.ts";
import { type Epsilon, type GoldenCase, goldenPath, ourTensors, readDataset, Tensors } from "./goldens.ts";

/** A variant of computing a case. */
export interface Variant {
  backend: Backend;
  precision: CompileSpec["precision"];
  epsilon?: Epsilon;
  microRows?: number;
  recomputedBlocks?: number;
  threads?: number;
}

export const slots = 4;

export interface GoldenRun extends StepParts, Disposable {}

/** Opens a case with its first parameters, on its own base or on other weights; dispose of it to release its memory. */
export const openCase = (golden: GoldenCase, variant: Variant, weights?: TensorData[]): Promise<GoldenRun> =>
  openWith(golden, variant, ourTensors(golden, "initial/"), weights);

/** Opens a case with these parameters. */
export async function openWith(
  golden: GoldenCase,
  variant: Variant,
  parameters: ReadonlyMap<string, Float32Array>,
  weights?: TensorData[],
): Promise<GoldenRun> {
  const { settings } = golden;
  const given = await givenIn(golden);
  const plain = modelConfigOf(goldenPath(settings.base));
  const model = given ? { ...plain, givenAdapters: given.facts } : plain;
  const dataset = readDataset(settings);
  const spec = specOf(golden, variant, model, dataset.rowTokens);
  const compiled = compile(spec);
  const engine = new Engine(compiled, { threads: variant.threads ?? 1, backend: variant.backend });
  const config = goldenPath(`${settings.base}/config.json`);
  if (weights) await bindTensors(engine, weights, parameters);
  else if (given) await bindTensors(engine, [...baseOf(golden, variant), ...given.tensors], parameters, config);
  else await bindBase(engine, golden, variant, parameters);
  const shape: BatchShape = { ...spec, trainedRowBuckets: compiled.trainedRowBuckets };
  const run: GoldenRun = {
    engine,
    dataset,
    shape,
    rope: ropeTable(model, dataset.rowTokens, compiled.positionOffset),
    settings: trainingOf(golden, spec),
    steps: settings.steps,
    nameOf: (example) => `example ${example}`,
    [Symbol.dispose]: () => engine.close(),
  };
  await setUp(run, new AbortController().signal, () => {});
  // EVA sets A again; a golden has PEFT's, which is as far away as its decomposition is exact.
  for (const [name, values] of parameters) engine.floats("parameter", name).set(values);
  await engine.run({ program: "derive" });
  return run;
}

/** The adapters that the golden's method mixes, as PEFT saved them. */
export async function givenIn({ settings, given }: GoldenCase): Promise<GivenTensors | undefined> {
  const sources = givenSourcesOf(settings.method);
  if (sources.length === 0) return undefined;
  const read = ({ uri }: { uri: string }) => readPeftAdapter(new Stores(), pathToFileURL(goldenPath(uri)).href);
  const adapters = given ?? (await Promise.all(sources.map(read))).filter((one) => one !== undefined);
  return givenTensors(adapters, modelConfigOf(goldenPath(settings.base)), (index) => sources[index]!.uri);
}

/** The golden's base, rewritten for our engine. */
function baseOf({ settings }: GoldenCase, { precision }: Variant): TensorData[] {
  const source = new Tensors(`${settings.base}/model.safetensors`);
  if (settings.nf4 !== null) return nf4Base(source);
  return precision === "BF16" ? bfloat16Base(source) : plainBase(source);
}

/** Binds the golden's base; in BF16 rounded, in NF4 as bitsandbytes wrote it, both rewritten for our engine. */
async function bindBase(
  engine: Engine,
  { settings }: GoldenCase,
  { precision }: Variant,
  parameters: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  if (settings.nf4 === null && precision !== "BF16") {
    return await bindDirectory(engine, goldenPath(settings.base), parameters);
  }
  const source = new Tensors(`${settings.base}/model.safetensors`);
  await bindTensors(engine, settings.nf4 === null ? bfloat16Base(source) : nf4Base(source), parameters);
}

async function bindTensors(
  engine: Engine,
  tensors: TensorData[],
  parameters: ReadonlyMap<string, Float32Array>,
  config?: string,
): Promise<void> {
  const made = mkdtempSync(path.join(tmpdir(), "luthier-golden-"));
  try {
    writeFileSync(path.join(made, "model.safetensors"), encodeSafetensors(tensors));
    if (config !== undefined) copyFileSync(config, path.join(made, "config.json"));
    await bindDirectory(engine, made, parameters);
  } finally {
    rmSync(made, { recursive: true }); // bound files stay mapped
  }
}

async function bindDirectory(
  engine: Engine,
  directory: string,
  parameters: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const base = await tensorsOf(directory);
  await engine.bind(base);
  await engine.initialise(base, 0, { stored: async (name) => parameters.get(name)! });
  for (const [name, values] of parameters) engine.floats("parameter", name).set(values);
  // PEFT's own initial values, whose singular vectors it computes in F32.
  for (const { name } of engine.stateOf("first"))
    if (parameters.has(name)) engine.floats("first", name).set(parameters.get(name)!);
  await engine.bindResiduals(base);
}

function specOf(
  { settings }: GoldenCase,
  { precision, epsilon, microRows, recomputedBlocks }: Variant,
  model: CompileSpec["model"],
  rowTokens: number,
): CompileSpec {
  const [beta1, beta2] = settings.betas;
  return {
    model,
    device: "cpu",
    storage: {
      dense: precision === "BF16" ? "BF16" : "F32",
      linear: settings.nf4 !== null ? "NF4" : precision === "BF16" ? "BF16" : "F32",
      doubleQuantization: settings.nf4 === "double",
    },
    method: settings.method,
    training: {
      optimizer: {
        type: "AdamW",
        weightDecay: settings.weightDecay,
        beta1,
        beta2,
        epsilon: Number(epsilon ?? "1e-8"),
        paged: false,
      },
      maxGradNorm: settings.maxGradNorm,
      labelSmoothing: settings.labelSmoothing,
      routerAuxLoss: settings.routerAuxLoss,
      ...(settings.objective && { objective: settings.objective }),
    },
    precision,
    rowTokens,
    microRows: microRows ?? 2,
    recomputedBlocks: recomputedBlocks ?? 0,
    generation: { slots, capacity: rowTokens, prefillTokens: 2 * rowTokens },
  };
}

function trainingOf({ settings }: GoldenCase, spec: CompileSpec): StepParts["settings"] {
  return {
    length: { kind: "steps", steps: settings.steps },
    rowsPerStep: 2,
    learningRate: settings.learningRate,
    schedule: { type: settings.schedule, warmupRatio: settings.warmupSteps / settings.steps },
    ...spec.training!,
    labelSmoothing: settings.labelSmoothing,
    neftuneNoiseAlpha: 0,
    routerAuxLoss: settings.routerAuxLoss,
    objective: spec.training?.objective ?? { type: "Supervised" },
    seed: 0,
    precision: "F32",
    evaluateEverySteps: undefined,
    patience: undefined,
    keep: "Last",
    checkpoint: { everySteps: 100, keep: 2 },
  };
}
