/**
 * The memory of a training, by what it holds: the regions of its compiled run to the byte, and what the process holds
 * beside them. Pure; the planner's sums and the run's report stand on it.
 */
import type { EffectiveSettings } from "../contract/effective.ts";
import type { Compiled } from "../graph/compiled.ts";
import { type StateCategory, stateRoles } from "../graph/roles.ts";
import { aligned, bytesOf } from "../graph/tensor.ts";

/** What prepare counted: `rows`, `examples` and `tokens` are those of the training set. */
export interface DatasetFacts {
  rows: number;
  examples: number;
  tokens: number;
  validationExamples: number;
  testExamples: number;
}

/** What memory follows from, beside what was compiled. */
export interface MemoryFacts {
  settings: EffectiveSettings;
  dataset: DatasetFacts;
  /** Threads that the training runs on. */
  threads: number;
}

export interface PlannedMemory {
  /** The base's tensors, mapped from its files. */
  weights: number;
  parameters: number;
  /** Parameters as the forward pass reads them, where that differs. */
  derived: number;
  gradients: number;
  moments: number;
  /** A copy of the best parameters so far, where `training.keep` is Best. */
  best: number;
  /** Keys and values, while answers are generated. */
  cache: number;
  activations: number;
  io: number;
  /** What kernels work in, on every thread. */
  scratch: number;
  /** The packed data sets. */
  data: number;
  /** The process itself: Node, the tokenizer, and the largest tensor on its way from a file or to it. */
  process: number;
}

/** Node with the addon, the tokenizer and strings in flight. */
const nodeBytes = 256 * 2 ** 20;

/** All of it together. */
export const peakOf = (memory: PlannedMemory): number =>
  Object.values(memory).reduce((total, bytes) => total + bytes, 0);

/** What is there whatever the shape of the programs: nothing of it has to be laid out. */
export const fixedBytes = ({ weights, state, stateBytes }: Compiled, dataset: DatasetFacts): number =>
  weights.reduce((total, weight) => total + bytesOf(weight), stateBytes + dataBytes(dataset) + processBytes(state));

/** 4 bytes a token and 1 for whether it is trained, 4 words an example, 1 a row; validation like training. */
function dataBytes({ rows, examples, tokens, validationExamples }: DatasetFacts): number {
  const training = 5 * tokens + 16 * examples + 4 * rows;
  return Math.ceil(training * (1 + validationExamples / Math.max(1, examples)));
}

/** A tensor of the base in its own type and in F32, or of a checkpoint, while it is copied. */
function processBytes(state: Compiled["state"]): number {
  const sizes = state.filter(({ role }) => role === "parameter").map(bytesOf);
  return nodeBytes + 2 * Math.max(0, ...sizes);
}

/** The regions of a compiled run, to the byte, and what the process holds beside them. */
export function memoryOf(
  { weights, state, arenaBytes, ioBytes, scratch }: Compiled,
  { settings: { training, dataset: data }, dataset, threads }: MemoryFacts,
): PlannedMemory {
  const ofCategory = (category: StateCategory) =>
    state
      .filter(({ role }) => stateRoles[role].category === category)
      .reduce((total, tensor) => total + aligned(bytesOf(tensor)), 0);
  return {
    weights: weights.reduce((total, weight) => total + bytesOf(weight), 0),
    parameters: ofCategory("parameters"),
    derived: ofCategory("derived"),
    gradients: ofCategory("gradients"),
    moments: ofCategory("moments"),
    best: training.keep === "Best" && data.validation.kind !== "none" ? ofCategory("parameters") : 0,
    cache: ofCategory("cache"),
    activations: arenaBytes,
    io: ioBytes,
    scratch: threads * scratch.thread + scratch.shared,
    data: dataBytes(dataset),
    process: processBytes(state),
  };
}
