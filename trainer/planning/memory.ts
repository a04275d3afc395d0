/**
 * The memory of a training by category: the regions of its compiled run to the byte, and the process's other memory.
 * Pure. The planner's sums and the run's report use it.
 */
import type { EffectiveSettings } from "../contract/effective.ts";
import { resultOf } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import { packedBytes } from "../data/packed/packedBytes.ts";
import type { Compiled } from "../graph/compiled.ts";
import { type RoleFacts, type StateCategory, stateRoles } from "../graph/roles.ts";
import { aligned, bytesOf, elementsOf } from "../graph/tensor.ts";
import { methodOf } from "../methods/index.ts";
import { partBytes, partsInMemory } from "../stores/uploadParts.ts";
import type { Target } from "./target.ts";

/** Counts from prepare: `rows`, `examples` and `tokens` are those of the training set. A preference is one example. */
export interface DatasetFacts {
  rows: number;
  examples: number;
  tokens: number;
  validationExamples: number;
  testExamples: number;
}

/** The inputs of the memory plan, in addition to the compiled run. */
export interface MemoryFacts {
  settings: EffectiveSettings;
  model: ModelConfig;
  /** Storage type of the base's tensors, except for linear layers that the settings quantise. */
  baseDataType: "F32" | "BF16";
  /** Present if the base stores its linear layers in NF4. */
  quantized?:
    | {
        readonly type: "NF4";
        readonly doubleQuantization: boolean;
        readonly unquantized?: readonly string[] | undefined;
      }
    | undefined;
  dataset: DatasetFacts;
  target: Target;
  /** Whether the artifact store is a remote one. */
  isRemote: boolean;
}

export interface PlannedMemory {
  /** The base's tensors, mapped from its files. */
  weights: number;
  parameters: number;
  /** Parameters in the forward pass's type, if it differs. */
  derived: number;
  gradients: number;
  /** The optimiser's state; of a paged one on a GPU the pages that one instruction touches. */
  moments: number;
  /** A copy of the best parameters so far, if `training.keep` is Best. */
  best: number;
  /** Keys and values, while answers are generated. */
  cache: number;
  activations: number;
  io: number;
  /** Scratch memory of the kernels, on a CPU that of every thread. */
  scratch: number;
  /** The packed data sets. */
  data: number;
  /** On a CPU the process itself: Node, its threads, programs, the tokenizer; on a GPU the context. */
  process: number;
}

/** The sum of all categories. */
export const peakOf = (memory: PlannedMemory): number => sumOf(memory);

const sumOf = (categories: Omit<PlannedMemory, "process">): number =>
  Object.values(categories).reduce((total, bytes) => total + bytes, 0);

/** Memory that does not depend on the shape of the programs, so no layout is needed. */
export const fixedBytes = (compiled: Compiled, facts: MemoryFacts): number =>
  weightBytes(compiled) +
  compiled.stateBytes -
  pagedOutBytes(compiled) +
  residentBytes(bestBytes(compiled, facts) + dataBytes(facts), facts) +
  processBytes(compiled, facts);

/** The regions of a compiled run, to the byte, and the process's other memory. */
export function memoryOf(compiled: Compiled, facts: MemoryFacts): PlannedMemory {
  const regions = regionsOf(compiled, facts);
  const { target } = facts;
  const process = processBytes(compiled, facts);
  if (target.device !== "cpu") return { ...regions, process };
  // The start is over before the regions exist, and what a method does before the first step before the steps fill them.
  const before = Math.max(target.startBytes, setupPeak(compiled, facts, regions) + process);
  return { ...regions, process: Math.max(process, before - sumOf(regions)) };
}

/** The regions while a method reads the data before the first step, and its own memory; 0 if it reads no inputs. */
function setupPeak(compiled: Compiled, { settings }: MemoryFacts, regions: Omit<PlannedMemory, "process">): number {
  const { layers: blocks } = compiled.spec.model;
  const { readsInputs, setupBytes } = methodOf(settings.method);
  if (!readsInputs) return 0;
  const { arenaBytes, io } = compiled.program({ program: "inputs", block: blocks - 1 });
  const inputs = [...io.values()]
    .filter(({ direction }) => direction === "out")
    .map(({ name, shape }) => ({ sites: name.split(" "), width: shape.at(-1) ?? 0 }));
  const tokens = settings.training.rowsPerStep * settings.dataset.maxSequenceLength;
  const { weights, parameters, derived, io: ioBytes, scratch, data } = regions;
  const filled = weights + parameters + derived + ioBytes + scratch + data + arenaBytes;
  return filled + setupBytes({ blocks, inputs, tokens });
}

function regionsOf(compiled: Compiled, facts: MemoryFacts): Omit<PlannedMemory, "process"> {
  const { arenaBytes, ioBytes } = compiled;
  return {
    weights: weightBytes(compiled),
    parameters: categoryBytes(compiled, "parameters"),
    derived: categoryBytes(compiled, "derived"),
    gradients: categoryBytes(compiled, "gradients"),
    moments: categoryBytes(compiled, "moments") - pagedOutBytes(compiled),
    best: residentBytes(bestBytes(compiled, facts), facts),
    cache: categoryBytes(compiled, "cache"),
    activations: arenaBytes,
    io: ioBytes,
    scratch: scratchBytes(compiled, facts),
    data: residentBytes(dataBytes(facts), facts),
  };
}

/** Values in the host's memory count only in a plan for a CPU. */
const residentBytes = (bytes: number, { target }: MemoryFacts): number => (target.device === "cpu" ? bytes : 0);

const scratchBytes = ({ scratch }: Compiled, { target }: MemoryFacts): number =>
  scratch.shared + (target.device === "cpu" ? target.threads * scratch.thread : 0);

/** Bytes of the paged moments that no instruction uses at the same time. They move to the machine's memory if the GPU's is short. */
const pagedOutBytes = ({ pagedState }: Compiled): number => (pagedState ? pagedState.bytes - pagedState.atOnce : 0);

const weightBytes = ({ weights }: Compiled): number => weights.reduce((total, weight) => total + bytesOf(weight), 0);

const stateWhere = ({ state }: Compiled, of: (facts: RoleFacts) => boolean): number =>
  state.filter(({ role }) => of(stateRoles[role])).reduce((total, tensor) => total + aligned(bytesOf(tensor)), 0);

const categoryBytes = (compiled: Compiled, wanted: StateCategory): number =>
  stateWhere(compiled, ({ category }) => category === wanted);

function bestBytes(compiled: Compiled, { settings: { training, dataset } }: MemoryFacts): number {
  const keeps = training.keep === "Best" && dataset.validation.kind !== "none";
  return keeps ? categoryBytes(compiled, "parameters") : 0;
}

/** The most packed sequences of an example: the two answers of a preference; KTO also has single ones. */
export const sequencesOfExample = ({ dataset }: EffectiveSettings): number => (dataset.form === "Examples" ? 1 : 2);

/** Assumes the training set's mean tokens per example for validation. */
function dataBytes({ dataset, settings }: Pick<MemoryFacts, "dataset" | "settings">): number {
  const { rows, tokens } = dataset;
  const hasRoles = settings.dataset.form !== "Examples";
  const each = sequencesOfExample(settings);
  const [examples, validationExamples] = [each * dataset.examples, each * dataset.validationExamples];
  const share = validationExamples / Math.max(1, examples);
  const validation = {
    rows: Math.ceil(rows * share),
    examples: validationExamples,
    tokens: Math.ceil(tokens * share),
    hasRoles,
  };
  return packedBytes({ rows, examples, tokens, hasRoles }) + (validationExamples > 0 ? packedBytes(validation) : 0);
}

// Measured by `npm run bench -- --memory` (docs/performance.md), which fails if a plan is not correct.

const mebibyte = 2 ** 20;

/** Per layer of the model: programs as JavaScript objects, and the pages that its tensors share with others. */
const layerBytes = 0.5 * mebibyte;

/** Per expert of a layer: the objects of its matrices. */
const expertBytes = 4 * 1024;

/** The tokenizer's library, and the text and table entries of each vocabulary entry. */
const tokenizerBytes = (entries: number): number => 4 * mebibyte + 0.9 * 1024 * entries;

/** Buffers of an upload to a remote store: a checkpoint, up to the size of the parts in memory. */
const uploadBytes = (compiled: Compiled, facts: MemoryFacts): number =>
  facts.isRemote ? Math.min(checkpointBytes(compiled, facts), partsInMemory * partBytes) : 0;

/** Copies of parameters while the adapter is written. */
const writingBytes = ({ state }: Compiled, { settings }: MemoryFacts): number =>
  methodOf(settings.method).writingBytes(
    new Map(state.filter(({ role }) => role === "parameter").map(({ name, shape }) => [name, shape])),
  );

/**
 * On a CPU the process, its threads, the programs, the tokenizer if answers are generated, uploads, and the copies of an adapter
 * that is written; on a GPU the context.
 */
function processBytes(compiled: Compiled, facts: MemoryFacts): number {
  const { model, settings, target } = facts;
  if (target.device === "cuda") return target.contextBytes;
  // A whole model is saved with its tokenizer.
  const usesTokenizer = settings.evaluation !== undefined || resultOf(settings.method) === "Model";
  const tokenizer = usesTokenizer ? tokenizerBytes(model.vocabSize) : 0;
  const perLayer = layerBytes + expertBytes * (model.experts?.count ?? 0);
  const own = target.processBytes + target.threads * target.threadBytes + perLayer * model.layers;
  return Math.ceil(own + tokenizer + uploadBytes(compiled, facts) + writingBytes(compiled, facts));
}

/** Size of a checkpoint: the checkpointed state, and the best parameters so far if they are kept. */
export const checkpointBytes = (compiled: Compiled, facts: MemoryFacts): number =>
  stateWhere(compiled, ({ checkpointed }) => checkpointed) + bestBytes(compiled, facts);

const spare = 1.1;
/** Tokenizer, template and configuration of a base. */
const companionBytes = 64 * 2 ** 20;

/** Size of the stored base and the packed data. Validation examples may be twice as long as the others. */
export function stagedBytes(compiled: Compiled, { baseDataType, dataset, settings }: MemoryFacts): number {
  const bound = new Set(compiled.weights.map(({ name }) => name));
  const trained = compiled.state.filter(({ name, initial }) => initial?.kind === "base" && !bound.has(name));
  const elements = trained.reduce((total, { shape }) => total + elementsOf(shape), 0);
  const base = weightBytes(compiled) + elements * (baseDataType === "F32" ? 4 : 2);
  const stored = compiled.state.filter(({ initial }) => initial?.kind === "stored");
  const factors = stored.reduce((total, tensor) => total + bytesOf(tensor), 0);
  const packed = dataBytes({ settings, dataset: { ...dataset, validationExamples: 2 * dataset.validationExamples } });
  return Math.ceil(spare * (base + factors + packed)) + companionBytes;
}
