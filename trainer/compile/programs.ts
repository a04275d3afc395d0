/**
 * The graphs of a run, one per program. `derive` computes values that depend only on parameters, once per step; `micro`
 * computes those of a micro-batch, and its gradients accumulate until `optimise` uses them.
 *
 * φ = scale · θ is linear and element by element, so its pull-back is folded into the accumulation: dθ += scale · dφ.
 */

import type { CompileSpec } from "../graph/compiled.ts";
import { Graph } from "../graph/graph.ts";
import type { Deriver, KeyValuePrefix, StepDeriver } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import { adamw } from "../ops/adamw/op.ts";
import { adamw8 } from "../ops/adamw8/op.ts";
import { argmax } from "../ops/argmax/op.ts";
import { balanceLoss } from "../ops/balanceLoss/op.ts";
import { cachePrefix } from "../ops/cachePrefix/op.ts";
import { cast, castTo } from "../ops/cast/op.ts";
import { clip } from "../ops/clip/op.ts";
import { fill } from "../ops/fill/op.ts";
import { gatherRows } from "../ops/gatherRows/op.ts";
import { linear } from "../ops/linear/op.ts";
import { linearCrossEntropy } from "../ops/linearCrossEntropy/op.ts";
import { multiply } from "../ops/multiply/op.ts";
import { softcap } from "../ops/softcap/op.ts";
import { sumSquares } from "../ops/sumSquares/op.ts";
import { differentiate } from "./differentiate.ts";
import { decoder, type ProgramParts, type Sites } from "./parts.ts";
import { preferenceGraph } from "./preferences.ts";

/** Sets gradients and loss to zero, before the micro-batches of a step or the batches of an evaluation. */
export function beginGraph({ variables }: ProgramParts, isTraining: boolean): Graph {
  const graph = new Graph();
  const zero = (y: Tensor) => fill.into(graph, {}, { value: 0 }, { y });
  if (isTraining) {
    for (const { gradient } of variables.parameters.values()) zero(gradient);
    for (const { cotangent } of variables.derivations.values()) zero(cotangent);
  }
  zero(variables.loss);
  return graph;
}

/** Computes φ = scale · θ in the activation type, where that differs from θ, and the methods' derived values. */
export function deriveGraph(parts: ProgramParts): Graph {
  const { variables } = parts;
  const graph = new Graph();
  for (const { theta, phi, scale } of variables.parameters.values()) {
    if (phi !== theta) cast.into(graph, { x: theta }, { scale }, { y: phi });
  }
  const at = deriver(graph, parts);
  for (const { phi, build } of variables.derivations.values()) {
    cast.into(graph, { x: build(at) }, { scale: 1 }, { y: phi });
  }
  for (const { prefix, cache } of variables.cachePrefixes.values()) {
    cachePrefix.node(
      graph,
      { prefixK: prefix.keys, prefixV: prefix.values, cacheK: cache.keys, cacheV: cache.values },
      {},
    );
  }
  return graph;
}

/**
 * Converts gradients of derived values into gradients of parameters, and differentiates penalties. It computes the
 * derived values again, because they are small compared with a micro-batch and need no storage that way.
 */
export function pullbackGraph(parts: ProgramParts): Graph {
  const { variables } = parts;
  const gradients = variables.gradients();
  const graph = new Graph(gradients.keys());
  const at = deriver(graph, parts);
  const seeds = new Map<Tensor, Tensor>();
  for (const { cotangent, build } of variables.derivations.values()) {
    const y = build(at);
    seeds.set(y, castTo(graph, cotangent, y.dtype));
  }
  if (variables.penalties.size > 0) {
    fill.into(graph, {}, { value: 0 }, { y: variables.penalty });
    for (const build of variables.penalties.values()) build(at, variables.penalty, variables.penalties.size);
  }
  differentiate(graph, gradients, seeds);
  return graph;
}

/** The values that a method keeps of an update. */
export function observeGraph({ variables }: ProgramParts): Graph {
  const graph = new Graph();
  const { clipFactor } = variables;
  const updated = (theta: Tensor) => {
    const gradient = variables.gradients().get(theta)?.gradient;
    if (!gradient) throw new Error(`${theta.name} is not a parameter`);
    return { theta, gradient, clipFactor };
  };
  for (const build of variables.observations.values()) build(graph, updated);
  return graph;
}

function deriver(graph: Graph, parts: ProgramParts): StepDeriver {
  const dtype = parts.variables.activationType === "F64" ? "F64" : "F32";
  const read = (theta: Tensor) => castTo(graph, theta, dtype);
  let cached: readonly KeyValuePrefix[] | undefined;
  const prompt = (layer: number): KeyValuePrefix => {
    cached ??= promptCache(parts, graph, { graph, read });
    return cached[layer]!;
  };
  return { graph, read, prompt };
}

/** The model on its method's prompt alone: no token before an example's own depends on the example. */
function promptCache(parts: ProgramParts, graph: Graph, at: Deriver): readonly KeyValuePrefix[] {
  const { prompt, activationType } = parts.variables;
  if (!prompt) throw new Error("the method has no prompt");
  const embeddings = castTo(graph, prompt(at), activationType);
  const cached: KeyValuePrefix[] = [];
  decoder(parts, graph, { kind: "prompt", tokens: parts.method.positionOffset, embeddings, cached });
  return cached;
}

/** Forward and loss of packed rows; `nll` is an output. */
function lossGraph(parts: ProgramParts, graph: Graph, tokens: number, rows: number, kind: "train" | "evaluate"): Sites {
  const { variables, objective } = parts;
  if (objective) return preferenceGraph({ ...parts, objective }, graph, tokens, rows, kind);
  const { decoder: model, routerLoad, ...layers } = decoder(parts, graph, { kind, tokens });
  const index = graph.input("trainedRow", "I32", [rows]);
  const h = model.norm(gatherRows.node(graph, { x: model.hidden, index }, {}).y);
  const operands = {
    h,
    w: model.head,
    target: graph.input("target", "I32", [rows]),
    lossWeight: graph.input("lossWeight", "F32", [rows]),
    loss: variables.loss,
    dW: kind === "train" ? variables.accumulators().get(model.head)?.gradient : undefined,
  };
  const attributes = { softcap: parts.config.logitSoftcap, smoothing: parts.labelSmoothing };
  const wanted = graph.isDifferentiable(h) ? (["dh"] as const) : [];
  graph.output("nll", linearCrossEntropy.node(graph, operands, attributes, wanted).nll);
  if (routerLoad) {
    const weight = graph.input("exampleWeight", "F32", [tokens]);
    const balance = { topK: parts.config.experts!.chosen, coefficient: parts.routerAuxLoss };
    const dLoad = graph.activation("balanceLoss.dLoad", routerLoad);
    balanceLoss.into(graph, { load: routerLoad, weight, loss: variables.loss }, balance, { dLoad });
  }
  return layers;
}

/** Forward and backward of one micro-batch; loss and gradients accumulate. */
export function microGraph(parts: ProgramParts, tokens: number, rows: number): Graph {
  const accumulators = parts.variables.accumulators();
  const graph = new Graph(accumulators.keys());
  lossGraph(parts, graph, tokens, rows, "train");
  differentiate(graph, accumulators);
  return graph;
}

/** The inputs of a block's linear layers, each an output that is named by its layers. */
export function inputsGraph(parts: ProgramParts, tokens: number, block: number): Graph {
  const graph = new Graph();
  const inputs = decoder(parts, graph, { kind: "evaluate", tokens }).inputs.get(block) ?? new Map<Tensor, string[]>();
  for (const [x, sites] of inputs) graph.output(sites.join(" "), x);
  const isWanted = (tensor: Tensor | undefined) => tensor !== undefined && inputs.has(tensor);
  graph.nodes.length = 1 + graph.nodes.findLastIndex(({ outputs }) => Object.values(outputs).some(isWanted));
  return graph;
}

/** Forward pass only, without dropout. */
export function evaluateGraph(parts: ProgramParts, tokens: number, rows: number): Graph {
  const graph = new Graph();
  lossGraph(parts, graph, tokens, rows, "evaluate");
  return graph;
}

/**
 * Clips by the global norm and updates each parameter in the order of declaration. Weight decay applies to matrices
 * unless a method sets it.
 */
export function optimiseGraph(
  { variables }: ProgramParts,
  { optimizer, maxGradNorm }: NonNullable<CompileSpec["training"]>,
): Graph {
  const graph = new Graph();
  const { gradientSquares: total, gradientNorm: norm, clipFactor: factor } = variables;
  const parameters = [...variables.parameters.values()];
  fill.into(graph, {}, { value: 0 }, { y: total });
  for (const { gradient, gradientMask } of parameters) {
    if (gradientMask) multiply.into(graph, { a: gradient, b: gradientMask }, {}, { y: gradient });
    sumSquares.node(graph, { x: gradient, total }, {});
  }
  clip.into(graph, { total }, { maxNorm: maxGradNorm }, { norm, factor });
  const hyper = graph.input("hyper", "F32", [3]);
  const { beta1, beta2, epsilon: eps, weightDecay } = optimizer;
  const rule = { oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, eps };
  for (const { theta, gradient, moments, learningRateScale, decays } of parameters) {
    const operands = { grad: gradient, factor, hyper, theta };
    const attributes = { ...rule, weightDecay: decays ? weightDecay : 0, learningRateScale };
    if (moments.kind === "F32") adamw.node(graph, { ...operands, m: moments.m, v: moments.v }, attributes);
    else {
      const { m, mScale, v, vScale } = moments;
      adamw8.node(graph, { ...operands, m, mScale, v, vScale }, { ...attributes, beta1 });
    }
  }
  return graph;
}

export interface GenerateShape {
  readonly tokens: number;
  readonly slots: number;
  readonly capacity: number;
}

/** Runs tokens through the cache; for one row per slot, outputs the logits in F32 and the likeliest next token. */
export function generateGraph(parts: ProgramParts, shape: GenerateShape): Graph {
  const graph = new Graph();
  const { decoder: model } = decoder(parts, graph, { kind: "generate", ...shape });
  const index = graph.input("row", "I32", [shape.slots]);
  const h = model.norm(gatherRows.node(graph, { x: model.hidden, index }, {}).y);
  const wide = castTo(graph, h, h.dtype === "F64" ? "F64" : "F32");
  const raw = linear.node(graph, { x: wide, w: model.head }, { tailScale: 1 }).y;
  const { logitSoftcap: cap } = parts.config;
  const logits = cap === undefined ? raw : softcap.node(graph, { x: raw }, { cap }).y;
  graph.output("logits", logits);
  graph.output("next", argmax.node(graph, { x: logits }, {}).index);
  return graph;
}

/** The linear layers and embeddings of a model and the method's treatment of them. */
export function sitesOf(parts: ProgramParts): Sites {
  return lossGraph(parts, new Graph(), 1, 1, "evaluate");
}
