/**
 * Plans a training before it runs: parameters, memory to the byte, micro-batch, recomputed blocks, steps. Pure; no
 * native code. The planner uses the run's compiler, and the run compiles the spec that the planner returns, so a plan
 * and its run cannot disagree.
 */

import { CompileError, compile } from "../compile/compile.ts";
import { formatBytes } from "../contract/bytes.ts";
import type { EffectiveSettings } from "../contract/effective.ts";
import { declarationOf, usualMethod } from "../contract/methods/index.ts";
import { overlapFits } from "../contract/settingsRules.ts";
import { stepsOfRun } from "../data/packed/order.ts";
import type { Compiled, CompileSpec } from "../graph/compiled.ts";
import type { SiteRecord } from "../graph/site.ts";
import { elementsOf } from "../graph/tensor.ts";
import { methodOf } from "../methods/index.ts";
import { roomBehind } from "../methods/prefixes.ts";
import {
  checkpointBytes,
  fixedBytes,
  type MemoryFacts,
  memoryOf,
  type PlannedMemory,
  peakOf,
  stagedBytes,
} from "./memory.ts";
import { type StepTime, stepTime } from "./roofline.ts";
import type { GpuTarget } from "./target.ts";

export interface PlanInput extends MemoryFacts {
  /** Memory that the training process may use. */
  availableBytes: number;
}

export interface Plan {
  trainableParameters: number;
  totalParameters: number;
  memory: PlannedMemory;
  /** The sum of `memory`. */
  predictedPeakBytes: number;
  /** Packed rows per micro-batch. */
  microRows: number;
  /** Number of blocks, from the bottom, whose activations the backward pass recomputes. */
  recomputedBlocks: number;
  steps: number;
  /** A checkpoint in the artifact store. */
  checkpointBytes: number;
  /** Bytes that a pod fetches to its local disk if the artifact store is remote, with a reserve. */
  stagedBytes: number;
  /** Floating-point operations of a step's matrix products and attention. */
  flopsPerStep: number;
  /** On a GPU: the time of a step by a roofline, computed from the GPU's peaks. */
  stepTime?: StepTime;
  fits: boolean;
  /** If it does not fit: the smallest change that would. */
  nearestFit?: { change: string; predictedPeakBytes: number };
  /** The spec that the run compiles. */
  spec: CompileSpec;
  sites: readonly SiteRecord[];
  expertParameters: readonly SiteRecord[];
  embeddings: readonly SiteRecord[];
  /** Settings that have no effect on this target. */
  notes: readonly string[];
}

/** Settings that cannot be planned for this model. */
export class PlanError extends Error {}

/**
 * The plan of a run within `availableBytes`, all memory in bytes: the fewest micro-batches per step without
 * recomputing; if even one row per micro-batch does not fit, the least recomputing that fits. On a GPU the micro-batch and
 * recomputing whose step is the fastest by the roofline. If nothing fits, the plan with the least memory, with
 * `fits: false` and the nearest settings that fit. Throws `PlanError`.
 */
export function plan(input: PlanInput): Plan {
  try {
    const chosen = describe(input, choose(input));
    const fault = methodOf(input.settings.method).stepsFault(chosen.steps);
    if (fault !== undefined) throw new PlanError(fault);
    if (chosen.fits) return chosen;
    const nearest = nearestFit(input);
    return nearest ? { ...chosen, nearestFit: nearest } : chosen;
  } catch (error) {
    if (error instanceof CompileError) throw new PlanError(error.message);
    throw error;
  }
}

export interface RecomputeChoice {
  recomputedBlocks: number;
  predictedPeakBytes: number;
  flopsPerStep: number;
}

/** Number of block counts to evaluate, evenly spread, in addition to the planned one. */
const frontierChoices = 12;

/**
 * The savings and costs of recomputing at a plan's micro-batch: the choices that no mixture of two others beats, from
 * the most memory to the least.
 */
export function recomputeFrontier(input: PlanInput, { microRows, recomputedBlocks }: Plan): RecomputeChoice[] {
  const { layers } = input.model;
  const spread = Array.from({ length: frontierChoices + 1 }, (_, i) => Math.round((i * layers) / frontierChoices));
  const counts = [...new Set([...spread, Math.min(1, layers), recomputedBlocks])].sort((a, b) => a - b);
  const choices = counts.map((count) => {
    const { predictedPeakBytes, flopsPerStep } = describe(input, candidate(input, microRows, count));
    return { recomputedBlocks: count, predictedPeakBytes, flopsPerStep };
  });
  return lowerHull(choices);
}

/** Points by falling memory, none above the line between two others (Andrew 1979, the lower half). */
export function lowerHull(choices: readonly RecomputeChoice[]): RecomputeChoice[] {
  const sorted = choices.toSorted(
    (a, b) => a.predictedPeakBytes - b.predictedPeakBytes || a.flopsPerStep - b.flopsPerStep,
  );
  const hull: RecomputeChoice[] = [];
  for (const point of sorted) {
    const previous = hull.at(-1);
    // A point with more memory must need less arithmetic.
    if (previous && point.flopsPerStep >= previous.flopsPerStep) continue;
    while (hull.length > 1 && !isBelow(hull.at(-1)!, hull.at(-2)!, point)) hull.pop();
    hull.push(point);
  }
  return hull.reverse();
}

function isBelow(point: RecomputeChoice, from: RecomputeChoice, to: RecomputeChoice): boolean {
  const share =
    (point.predictedPeakBytes - from.predictedPeakBytes) / (to.predictedPeakBytes - from.predictedPeakBytes);
  return point.flopsPerStep < from.flopsPerStep + share * (to.flopsPerStep - from.flopsPerStep);
}

interface Candidate {
  readonly spec: CompileSpec;
  readonly compiled: Compiled;
  readonly fits: boolean;
}

function candidate(input: PlanInput, microRows: number, recomputedBlocks: number): Candidate {
  const spec: CompileSpec = { ...specOf(input), microRows, recomputedBlocks };
  const compiled = compile(spec);
  const fits = fitsAlone(input, compiled) && peakOf(memoryOf(compiled, input)) <= input.availableBytes;
  return { spec, compiled, fits };
}

/**
 * Whether the largest arena alone fits. Arena layout is most of the work, so a plan that is too large without arenas, or
 * with this one, skips the rest.
 */
function fitsAlone(input: PlanInput, compiled: Compiled): boolean {
  const { availableBytes } = input;
  const { rowTokens, microRows } = compiled.spec;
  const fixed = fixedBytes(compiled, input);
  if (fixed > availableBytes) return false;
  return (
    fixed + compiled.program({ program: "micro", trainedRows: rowTokens * microRows }).arenaBytes <= availableBytes
  );
}

function choose(input: PlanInput): Candidate {
  const { target } = input;
  return target.device === "cuda" ? fastest(input, target) : fewestBatches(input);
}

/** The fewest micro-batches without recomputing; if one row does not fit, the least recomputing that fits. */
function fewestBatches(input: PlanInput): Candidate {
  for (const microRows of microRowChoices(input)) {
    const made = candidate(input, microRows, 0);
    if (made.fits) return made;
  }
  return leastRecompute(input, 1);
}

/**
 * Takes each micro-batch with the least recomputing that fits, and of these the one with the shortest step. A smaller micro-batch than
 * one that fits without recomputing has the same arithmetic and more memory traffic.
 */
function fastest(input: PlanInput, { gpu }: GpuTarget): Candidate {
  let best: { readonly made: Candidate; readonly seconds: number } | undefined;
  for (const microRows of microRowChoices(input)) {
    const whole = candidate(input, microRows, 0);
    const made = whole.fits ? whole : leastRecompute(input, microRows);
    const seconds = made.fits
      ? stepTime(made.compiled, input.settings.training, gpu).seconds
      : Number.POSITIVE_INFINITY;
    if (best === undefined || seconds < best.seconds || !best.made.fits) best = { made, seconds };
    if (whole.fits) break;
  }
  if (!best) throw new Error("a step has no micro-batch");
  return best.made;
}

/** Rows per micro-batch, each with a different number of micro-batches per step, most rows first. */
function microRowChoices({ settings: { training, dataset }, target }: PlanInput): number[] {
  const { rowsPerStep } = training;
  const most = Math.max(1, Math.min(rowsPerStep, Math.floor(target.enoughTokens / dataset.maxSequenceLength)));
  const batches = (rows: number) => Math.ceil(rowsPerStep / rows);
  const even = Array.from({ length: most }, (_, index) => Math.ceil(rowsPerStep / batches(most - index)));
  return [...new Set(even)];
}

/**
 * A micro-batch that needs recomputing; memory falls with every block, so bisection finds the least: by the largest arena
 * first, which usually decides alone.
 */
function leastRecompute(input: PlanInput, microRows: number): Candidate {
  const { layers } = input.model;
  const made = (count: number) => candidate(input, microRows, count);
  const fitsRoughly = (recomputedBlocks: number) =>
    fitsAlone(input, compile({ ...specOf(input), microRows, recomputedBlocks }));
  if (!fitsRoughly(layers)) return made(layers);
  const rough = leastWhere(0, layers, fitsRoughly);
  const least = made(rough);
  if (least.fits || rough === layers) return least;
  return made(leastWhere(rough, layers, (count) => made(count).fits));
}

/** The least count above `below` that holds, where all behind it hold too; `most` if no smaller one does. */
function leastWhere(below: number, most: number, holds: (count: number) => boolean): number {
  let [tooFew, least] = [below, most];
  while (least - tooFew > 1) {
    const middle = (least + tooFew) >> 1;
    if (holds(middle)) least = middle;
    else tooFew = middle;
  }
  return least;
}

/** Why this model cannot be trained by these settings, and the fix; undefined if it can. It needs no data. */
export function refusalOf(facts: SpecFacts): string | undefined {
  try {
    compile(trainingOf(facts));
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

type SpecFacts = Pick<MemoryFacts, "settings" | "model" | "baseDataType" | "quantized" | "target">;

function specOf(input: PlanInput): CompileSpec {
  const { evaluation, dataset } = input.settings;
  const generation = evaluation && generationOf(input, dataset.maxSequenceLength + evaluation.maxNewTokens);
  return { ...trainingOf(input), ...(generation && { generation }) };
}

/** One row per micro-batch, without recomputing and without answers. */
function trainingOf({ settings, model, baseDataType, quantized, target }: SpecFacts): CompileSpec {
  const { training, dataset: data, method } = settings;
  return {
    model,
    device: target.device,
    storage: storageOf(settings.baseModel.quantization ?? quantized, baseDataType),
    method,
    training: {
      optimizer: training.optimizer,
      maxGradNorm: training.maxGradNorm,
      labelSmoothing: training.labelSmoothing,
      neftuneNoiseAlpha: training.neftuneNoiseAlpha,
      routerAuxLoss: training.routerAuxLoss,
      ...(training.objective.type !== "Supervised" && { objective: training.objective }),
    },
    precision: training.precision,
    rowTokens: data.maxSequenceLength,
    microRows: 1,
    recomputedBlocks: 0,
  };
}

function storageOf(quantized: MemoryFacts["quantized"], dense: "F32" | "BF16"): CompileSpec["storage"] {
  if (quantized === undefined) return { dense, linear: dense, doubleQuantization: false };
  const { type, doubleQuantization, unquantized } = quantized;
  return { dense, linear: type, doubleQuantization, ...(unquantized && { unquantized }) };
}

/** Answers are generated in parallel, as many as an eighth of the memory can cache. */
function generationOf({ model, settings, dataset, availableBytes, target }: PlanInput, longest: number) {
  const capacity = Math.min(roomBehind(model, methodOf(settings.method)), longest);
  const elements = 2 * model.layers * capacity * model.kvHeads * model.headDim;
  const affordable = Math.floor(availableBytes / 8 / (elements * (settings.training.precision === "BF16" ? 2 : 4)));
  const slots = Math.max(1, Math.min(target.mostSlots, dataset.testExamples, affordable));
  return { slots, capacity, prefillTokens: Math.min(target.prefillTokens, capacity) };
}

function describe(input: PlanInput, { spec, compiled, fits }: Candidate): Plan {
  const memory = memoryOf(compiled, input);
  const { settings, target } = input;
  const { training } = settings;
  const trainedRows = spec.rowTokens * spec.microRows;
  const programs = training.objective.type === "KTO" ? (["micro", "divergence"] as const) : (["micro"] as const);
  const flops = programs.reduce((sum, program) => sum + compiled.program({ program, trainedRows }).flops, 0);
  return {
    ...parameterCounts(compiled),
    memory,
    predictedPeakBytes: peakOf(memory),
    microRows: spec.microRows,
    recomputedBlocks: spec.recomputedBlocks,
    steps: stepsOfRun(training, input.dataset.rows),
    checkpointBytes: checkpointBytes(compiled, input),
    stagedBytes: stagedBytes(compiled, input),
    flopsPerStep: (flops / spec.microRows) * training.rowsPerStep,
    ...(target.device === "cuda" && { stepTime: stepTime(compiled, training, target.gpu) }),
    fits,
    spec,
    sites: compiled.sites,
    expertParameters: compiled.expertParameters,
    embeddings: compiled.embeddings,
    notes: notesOf(input, compiled),
  };
}

function notesOf({ settings: { training } }: PlanInput, { pagedState }: Compiled): string[] {
  if (!training.optimizer.paged) return [];
  if (!pagedState) return ["training.optimizer.paged has no effect on a CPU"];
  const { bytes, atOnce } = pagedState;
  return [
    `training.optimizer.paged: ${formatBytes(bytes)} of the optimiser's state are in pages, ${formatBytes(atOnce)} of them planned on the GPU; the others move to the machine's memory when the GPU's is short`,
  ];
}

function parameterCounts({ state, baseParameters }: Compiled) {
  const trainable = state.filter(({ role }) => role === "parameter");
  const trainableParameters = trainable.reduce((total, { shape }) => total + elementsOf(shape), 0);
  const beside = trainable.filter(({ initial }) => initial?.kind !== "base");
  return {
    trainableParameters,
    totalParameters: baseParameters + beside.reduce((total, { shape }) => total + elementsOf(shape), 0),
  };
}

/**
 * Tries paged state on a GPU, which changes no result, then shorter rows (half, a quarter, …), then a base in NF4, then the method's `smaller` one. Returns the first change
 * that fits, with the peak of its own plan. Skips changes that this method or model does not allow.
 */
function nearestFit(input: PlanInput): { change: string; predictedPeakBytes: number } | undefined {
  for (const { change, settings } of smallerSettings(input)) {
    const predictedPeakBytes = peakIfFits({ ...input, settings });
    if (predictedPeakBytes !== undefined) return { change, predictedPeakBytes };
  }
  return undefined;
}

/** The peak of a plan that fits; undefined if none does, or if the settings cannot be trained. */
function peakIfFits(input: PlanInput): number | undefined {
  try {
    // A quick check first, because most candidates fail it, and choosing a plan takes many times as long.
    if (!candidate(input, 1, input.model.layers).fits) return undefined;
    return peakOf(memoryOf(choose(input).compiled, input));
  } catch (error) {
    if (error instanceof CompileError) return undefined;
    throw error;
  }
}

function* smallerSettings({
  settings,
  quantized,
  target,
}: PlanInput): Generator<{ change: string; settings: EffectiveSettings }> {
  const { training } = settings;
  if (target.device === "cuda" && !training.optimizer.paged) {
    const optimizer = { ...training.optimizer, paged: true };
    yield { change: "training.optimizer.paged: true", settings: { ...settings, training: { ...training, optimizer } } };
  }
  const shorter = (length: number): EffectiveSettings => ({
    ...settings,
    dataset: { ...settings.dataset, maxSequenceLength: length },
  });
  for (let length = settings.dataset.maxSequenceLength >> 1; length >= 128; length >>= 1) {
    if (!overlapFits.holds(shorter(length).dataset)) break;
    yield { change: `dataset.maxSequenceLength: ${length}`, settings: shorter(length) };
  }
  const { nf4Refusal, smaller } = declarationOf(settings.method.kind);
  if (nf4Refusal === undefined && settings.baseModel.quantization === undefined && quantized === undefined) {
    const quantization = { type: "NF4", doubleQuantization: true } as const;
    yield {
      change: "baseModel.quantization.type: NF4",
      settings: { ...settings, baseModel: { ...settings.baseModel, quantization } },
    };
  }
  if (smaller) {
    const method = usualMethod(smaller.kind);
    yield {
      change: `method.${method.kind} instead of method.${settings.method.kind}`,
      settings: { ...settings, method },
    };
  }
}
