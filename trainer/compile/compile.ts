/**
 * Compiles a run: declares its tensors by building the model once and lays out the shared regions; then builds,
 * differentiates, lays out and emits each program, and selects the activations to recompute. Pure and deterministic:
 * the same spec gives the same bytes. `docs/engine.md` defines the emitted language.
 */

import { givenNames, placeOf, widthOfGiven } from "../contract/givenAdapters.ts";
import { declarationOf, resultOf } from "../contract/methods/index.ts";
import type { ModelConfig } from "../contract/model.ts";
import { needsReference } from "../contract/objective.ts";
import { referenceRefusal } from "../contract/settingsRules.ts";
import type { Compiled, CompileSpec, Program, ProgramKey } from "../graph/compiled.ts";
import type { Graph } from "../graph/graph.ts";
import { moreScratch } from "../graph/op.ts";
import type { SiteRecord } from "../graph/site.ts";
import { aligned, bytesOf, type DataType, elementsOf, rowsOf, type Tensor } from "../graph/tensor.ts";
import { type Parameter, Variables } from "../graph/variables.ts";
import { methodOf } from "../methods/index.ts";
import type { BoundMethod } from "../methods/method.ts";
import { costsOf, workOf } from "./costs.ts";
import { emit, type Location } from "./emit.ts";
import { layOut } from "./layout.ts";
import { bindWeights, layOutIo, layOutState, pagedStateOf, type StateLayout, type WeightTable } from "./memory.ts";
import type { ProgramParts, Sites } from "./parts.ts";
import { divergenceGraph } from "./preferences.ts";
import {
  beginGraph,
  deriveGraph,
  evaluateGraph,
  generateGraph,
  inputsGraph,
  microGraph,
  observeGraph,
  optimiseGraph,
  pullbackGraph,
  sitesOf,
} from "./programs.ts";
import { recompute } from "./recompute.ts";

/** A spec that cannot be compiled; the message names the fault and the fix. */
export class CompileError extends Error {}

const activationTypes: Record<CompileSpec["precision"], DataType> = { BF16: "BF16", F32: "F32", F64: "F64" };

/** The model, the method and the variables for building a run's graphs. */
export function declare(spec: CompileSpec): { parts: ProgramParts } & Sites {
  check(spec);
  const parts: ProgramParts = {
    config: spec.model,
    method: methodOf(spec.method),
    variables: new Variables(spec.storage, activationTypes[spec.precision], spec.training?.optimizer.type),
    labelSmoothing: spec.training?.labelSmoothing ?? 0,
    noiseAlpha: spec.training?.neftuneNoiseAlpha ?? 0,
    routerAuxLoss: spec.training?.routerAuxLoss ?? 0,
    objective: spec.training?.objective,
  };
  return { parts, ...declareTensors(parts, spec) };
}

/** The linear layers of a model, those of its experts too, which prepare may quantise. */
export function linearLayers(config: ModelConfig): readonly SiteRecord[] {
  const { sites, experts } = sitesOf(plainParts(config));
  return [...sites, ...experts];
}

/** The tensors of the base that the model reads: shapes by name. */
export function baseTensors(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const parts = plainParts(config);
  const { sites } = sitesOf(parts);
  const own = [...parts.variables.frozen].map(([name, { tensor }]) => [name, tensor.shape] as const);
  return new Map([...own, ...givenTensors(config, sites)]);
}

/** The tensors of the adapters in the base. */
function givenTensors({ givenAdapters }: ModelConfig, sites: readonly SiteRecord[]): [string, readonly number[]][] {
  if (!givenAdapters) return [];
  const rank = widthOfGiven(givenAdapters);
  const adapted = sites.filter(({ name }) => placeOf(givenAdapters, name) !== undefined);
  return adapted.flatMap(({ name, in: width, out }) => {
    const { a, b } = givenNames(name);
    return [
      [a, [rank, width]],
      [b, [out, rank]],
    ];
  });
}

/** A model without a method. */
function plainParts(config: ModelConfig): ProgramParts {
  const storage = { dense: "F32", linear: "F32", doubleQuantization: false } as const;
  return {
    config,
    method: methodOf({ kind: "none" }),
    variables: new Variables(storage, "F32"),
    labelSmoothing: 0,
    noiseAlpha: 0,
    routerAuxLoss: 0,
  };
}

export function compile(spec: CompileSpec): Compiled {
  const { parts, sites, expertParameters, embeddings } = declare(spec);
  const shared: Shared = {
    weights: bindWeights(parts.variables),
    state: layOutState(parts.variables, spec.training !== undefined),
  };
  const programs = new Map<string, Program>();
  const program = (key: ProgramKey): Program => {
    const name = JSON.stringify(key);
    const made = programs.get(name) ?? build(spec, parts, shared, key);
    programs.set(name, made);
    return made;
  };
  const keys = programKeys(spec, parts.method);
  return {
    weights: shared.weights.weights,
    state: shared.state.tensors,
    stateBytes: shared.state.bytes,
    pagedState: pagedStateOf(spec, parts.variables, shared.state),
    get ioBytes() {
      return Math.max(...keys.map((key) => ioBytesOf(program(key))));
    },
    get arenaBytes() {
      return Math.max(...keys.map((key) => program(key).arenaBytes));
    },
    get scratch() {
      return keys.map((key) => program(key).scratch).reduce(moreScratch);
    },
    baseParameters: baseParameters(parts.variables),
    trainedRowBuckets: trainedRowBuckets(spec),
    generateTokenBuckets: generateTokenBuckets(spec),
    sites,
    expertParameters,
    embeddings,
    spec,
    pullsBack: parts.variables.derivations.size + parts.variables.penalties.size > 0,
    setup: parts.method.setup,
    afterStep: parts.method.afterStep,
    firstResult: (steps) => parts.method.firstResult(steps),
    positionOffset: parts.method.positionOffset,
    program,
  };
}

function baseParameters({ frozen, parameters }: Variables): number {
  // A reference reads the base's own tensor beside the trained one.
  const trained = [...parameters.values()].filter(
    ({ theta, initial }) => initial.kind === "base" && !frozen.has(theta.name),
  );
  const tensors = [...[...frozen.values()].map(({ tensor }) => tensor), ...trained.map(({ theta }) => theta)];
  return tensors.reduce((total, { shape }) => total + elementsOf(shape), 0);
}

interface Shared {
  readonly weights: WeightTable;
  readonly state: StateLayout;
}

function check({ model, method, training, rowTokens, microRows, recomputedBlocks, generation }: CompileSpec): void {
  const refuse = (message: string) => {
    throw new CompileError(message);
  };
  if (method.kind === "none" && training) refuse("method none trains nothing: leave `training` out of its spec");
  if (training?.objective && needsReference(training.objective) && resultOf({ kind: method.kind }) === "Model")
    refuse(referenceRefusal(method.kind));
  const preferenceRefusal = training?.objective && declarationOf(method.kind).preferenceRefusal;
  if (preferenceRefusal !== undefined) refuse(preferenceRefusal);
  const counts = { rowTokens, microRows, ...generation };
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) refuse(`${name} must be a whole number from 1, and is ${value}`);
  }
  if (!Number.isInteger(recomputedBlocks) || recomputedBlocks < 0 || recomputedBlocks > model.layers) {
    refuse(`recomputedBlocks must be from 0 to the model's ${model.layers} layers, and is ${recomputedBlocks}`);
  }
}

/** Tokens that a method puts before an example occupy positions of the model's context. */
function checkPositions({ model }: CompileSpec, offset: number, longest: number): void {
  if (offset === 0 || offset + longest <= model.contextLength) return;
  throw new CompileError(
    `${longest} tokens behind the method's ${offset} positions are more than the model's context of ${model.contextLength}: lower dataset.maxSequenceLength`,
  );
}

/** Builds the model once to declare every tensor of the run, and lets the method check that it fits. */
function declareTensors(parts: ProgramParts, spec: CompileSpec): Sites {
  const layers = sitesOf(parts);
  const { model, storage, training, rowTokens, generation } = spec;
  const longest = Math.max(rowTokens, generation?.capacity ?? 0);
  checkPositions(spec, parts.method.positionOffset, longest);
  const refusal = parts.method.check({
    model,
    storage,
    sites: layers.sites.map(({ name }) => name),
    embeddings: layers.embeddings.map(({ name }) => name),
    expertParameters: layers.expertParameters.map(({ name }) => name),
    tensors: baseTensors(model),
    longest,
    isTraining: training !== undefined,
  });
  const fault = refusal ?? (parts.routerAuxLoss > 0 ? balanceFault(parts, layers) : undefined);
  if (fault !== undefined) throw new CompileError(fault);
  if (spec.generation) generateGraph(parts, { ...spec.generation, tokens: 1 });
  parts.variables.seal();
  return layers;
}

/** Why the load of these routers cannot be balanced, and the fix; undefined if it can. */
function balanceFault({ variables }: ProgramParts, { routers }: Sites): string | undefined {
  const [first] = routers;
  if (first === undefined)
    return "training.routerAuxLoss balances the router of a mixture of experts, and this model has none: remove it";
  const trains = ({ theta }: Parameter) => routers.some((router) => theta.name.startsWith(`${router}.`));
  if ([...variables.parameters.values()].some(trains)) return undefined;
  const name = first.slice(first.lastIndexOf(".") + 1);
  return `training.routerAuxLoss balances the router, which stays frozen: train it by ${name} in method.lora.modulesToSave or by method.full, or remove the setting`;
}

function build(spec: CompileSpec, parts: ProgramParts, shared: Shared, key: ProgramKey): Program {
  const graph = graphOf(spec, parts, key);
  const recomputed = new Set(Array.from({ length: spec.recomputedBlocks }, (_, block) => block));
  const nodes = key.program === "micro" ? recompute(graph.nodes, recomputed) : graph.nodes;
  const io = layOutIo(graph);
  const arena = layOut(nodes, new Set(graph.outputs.values()));
  const locate = (tensor: Tensor): Location => {
    if (tensor.within) return rowsWithin(locate(tensor.within.tensor), tensor, tensor.within.row);
    const offset = arena.offsets.get(tensor);
    if (offset !== undefined) return { region: "arena", offset };
    const location =
      io.locations.get(tensor) ?? shared.state.locations.get(tensor) ?? shared.weights.locations.get(tensor);
    if (!location) throw new Error(`${tensor.name} is read before anything writes it`);
    return location;
  };
  const sizes = { arenaBytes: arena.bytes, stateBytes: shared.state.bytes, ioBytes: io.bytes };
  const weightCount = shared.weights.weights.length;
  const keys = keysOf(spec, key, parts.method.positionOffset);
  let emitted: Uint8Array | undefined;
  return {
    key,
    // The planner needs the memory and flops of many programs, but never their bytes.
    get bytes() {
      emitted ??= emit({ nodes, released: arena.released, locate, weightCount, ...sizes });
      return emitted;
    },
    io: io.io,
    arenaBytes: arena.bytes,
    ...costsOf(nodes, spec.device, keys),
    get work() {
      return nodes.map((node) => workOf(node, keys, spec.storage.doubleQuantization));
    },
  };
}

/** The bytes of rows of another tensor. */
function rowsWithin(of: Location, tensor: Tensor, row: number): Location {
  if (of.region === "weights") throw new Error("rows of a weight have no place of their own");
  return { ...of, offset: of.offset + (row * bytesOf(tensor)) / rowsOf(tensor) };
}

function graphOf(spec: CompileSpec, parts: ProgramParts, key: ProgramKey): Graph {
  const tokens = spec.rowTokens * spec.microRows;
  switch (key.program) {
    case "begin":
      return beginGraph(parts, spec.training !== undefined);
    case "derive":
      return deriveGraph(parts);
    case "pullback":
      return pullbackGraph(parts);
    case "observe":
      return observeGraph(parts);
    case "micro":
      trainingOf(spec, "micro");
      return microGraph(parts, tokens, key.trainedRows);
    case "optimise":
      return optimiseGraph(parts, trainingOf(spec, "optimise"));
    case "inputs":
      return inputsGraph(parts, tokens, key.block);
    case "evaluate":
      return evaluateGraph(parts, tokens, key.trainedRows);
    case "divergence":
      return divergenceGraph(parts, tokens, key.trainedRows);
    case "generate":
      if (!spec.generation) throw new CompileError("this run has no generation: set `generation` in its spec");
      return generateGraph(parts, { ...spec.generation, tokens: key.tokens });
  }
}

function trainingOf({ training }: CompileSpec, program: string): NonNullable<CompileSpec["training"]> {
  if (!training) throw new CompileError(`this run trains nothing: set \`training\` in its spec for \`${program}\``);
  return training;
}

/** Maximum number of a program's keys for a query. A program that runs once per step attends only within a prompt. */
function keysOf({ generation, rowTokens }: CompileSpec, { program }: ProgramKey, promptTokens: number): number {
  if (program === "generate") return generation?.capacity ?? 0;
  return program === "derive" || program === "pullback" ? promptTokens : rowTokens;
}

/** Every program that the run can use; `inputs` only of the last block, whose memory suffices for every block. */
function programKeys(spec: CompileSpec, { readsInputs }: BoundMethod): ProgramKey[] {
  const losses = [
    ...(spec.training ? (["micro"] as const) : []),
    "evaluate" as const,
    ...(spec.training?.objective?.type === "KTO" ? (["divergence"] as const) : []),
  ];
  return [
    { program: "begin" },
    { program: "derive" },
    ...(spec.training
      ? [{ program: "pullback" } as const, { program: "optimise" } as const, { program: "observe" } as const]
      : []),
    ...(spec.training && readsInputs ? [{ program: "inputs", block: spec.model.layers - 1 } as const] : []),
    ...losses.flatMap((program) => trainedRowBuckets(spec).map((trainedRows) => ({ program, trainedRows }))),
    ...generateTokenBuckets(spec).map((tokens) => ({ program: "generate", tokens }) as const),
  ];
}

const ioBytesOf = ({ io }: Program): number =>
  Math.max(0, ...[...io.values()].map((tensor) => tensor.offset + aligned(bytesOf(tensor))));

/** Shares of a micro-batch's tokens: fine where most are trained and the head is expensive, coarse where few are. */
function trainedRowBuckets({ rowTokens, microRows }: CompileSpec): number[] {
  const tokens = rowTokens * microRows;
  const sizes = [128, 32, 8, 4, 2, 1].map((share) => Math.min(tokens, Math.ceil(tokens / share / 16) * 16));
  return [...new Set(sizes)];
}

/** One token per slot for decoding, then chunks of a prefill. */
function generateTokenBuckets({ generation }: CompileSpec): number[] {
  if (!generation) return [];
  const { slots, prefillTokens } = generation;
  const between = [16, 64, 256].filter((tokens) => tokens > slots && tokens < prefillTokens);
  return [...new Set([slots, ...between, Math.max(slots, prefillTokens)])];
}
