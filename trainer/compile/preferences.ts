/**
 * The losses of preferences. A packed row holds whole pairs, each answer a segment of its own, so that every loss is one of
 * the micro-batch. Its terms are the negative log-likelihoods of answers, for DPO and KTO less those of the base: the same
 * weights without the method, run first, so that nothing of that pass is kept but a number per trained token.
 */
import { needsReference, type PreferenceObjective } from "../contract/objective.ts";
import { answersOf } from "../graph/compiled.ts";
import { Graph } from "../graph/graph.ts";
import type { SiteRewriter } from "../graph/site.ts";
import type { Tensor } from "../graph/tensor.ts";
import { noMethod } from "../methods/method.ts";
import type { Mode } from "../models/mode.ts";
import { castTo } from "../ops/cast/op.ts";
import { gatherRows } from "../ops/gatherRows/op.ts";
import { ktoLoss } from "../ops/ktoLoss/op.ts";
import { linearCrossEntropy, noLoss } from "../ops/linearCrossEntropy/op.ts";
import { pairLoss } from "../ops/pairLoss/op.ts";
import { segmentSum } from "../ops/segmentSum/op.ts";
import { weightedSum } from "../ops/weightedSum/op.ts";
import { decoder, type ProgramParts, type Sites } from "./parts.ts";

type PreferenceParts = ProgramParts & { readonly objective: PreferenceObjective };

/** Forward and loss of packed rows; `nll` and `segments` are outputs. */
export function preferenceGraph(
  parts: PreferenceParts,
  graph: Graph,
  tokens: number,
  rows: number,
  kind: "train" | "evaluate",
): Sites {
  const { nll, z, ...layers } = answers(parts, graph, { kind, tokens }, rows);
  graph.output("nll", nll);
  graph.output("segments", z);
  addLoss(parts, graph, { nll, z, rows });
  return layers;
}

/** The answers' figures without a loss. */
export function divergenceGraph(parts: ProgramParts, tokens: number, rows: number): Graph {
  const { objective } = parts;
  if (!objective) throw new Error("only an objective of preferences has a divergence");
  const graph = new Graph();
  graph.output("segments", answers({ ...parts, objective }, graph, { kind: "evaluate", tokens }, rows).z);
  return graph;
}

interface Answers extends Sites {
  /** Negative log-likelihood of each trained token. [rows] */
  readonly nll: Tensor;
  /** The same of each answer, scaled, less the reference's. [answers] */
  readonly z: Tensor;
}

function answers(parts: PreferenceParts, graph: Graph, mode: Mode & { tokens: number }, rows: number): Answers {
  const minus = needsReference(parts.objective) ? reference(parts, graph, mode.tokens, rows) : undefined;
  const { decoder: model, ...layers } = decoder(parts, graph, mode);
  const nll = nllOf(parts, graph, model, rows);
  const segment = graph.input("segment", "I32", [rows]);
  const scale = graph.input("segmentScale", "F32", [answersOf(rows)]);
  return { nll, z: segmentSum.node(graph, { x: nll, minus, segment, scale }, {}).y, ...layers };
}

/** nll of the base without its adapter. [rows] */
function reference(parts: PreferenceParts, graph: Graph, tokens: number, rows: number): Tensor {
  const method = withoutMethod(parts, graph);
  return nllOf(parts, graph, decoder(parts, graph, { kind: "evaluate", tokens }, method).decoder, rows);
}

/** The unchanged base: a matrix from which a method subtracted a product has it added again. */
function withoutMethod({ variables }: PreferenceParts, graph: Graph): SiteRewriter {
  return {
    ...noMethod,
    linear(site, x, base) {
      const residual = variables.residuals.get(`${site.name}.weight`);
      if (!residual) return base(x);
      const first = (name: string, scale: number) =>
        castTo(graph, variables.firsts.get(name)!, variables.activationType, scale);
      return base(x, { lowRank: { from: x, a: first(residual.a, 1), b: first(residual.b, residual.scale) } });
    },
  };
}

function nllOf(
  { config }: PreferenceParts,
  graph: Graph,
  model: ReturnType<typeof decoder>["decoder"],
  rows: number,
): Tensor {
  const index = graph.input("trainedRow", "I32", [rows]);
  const h = model.norm(gatherRows.node(graph, { x: model.hidden, index }, {}).y);
  const target = graph.input("target", "I32", [rows]);
  const present = graph.input("present", "F32", [rows]);
  const operands = { h, w: model.head, target, lossWeight: present, loss: noLoss(graph) };
  return linearCrossEntropy.node(graph, operands, { softcap: config.logitSoftcap }).nll;
}

function addLoss(
  { objective, variables: { loss } }: PreferenceParts,
  graph: Graph,
  { nll, z, rows }: { nll: Tensor; z: Tensor; rows: number },
): void {
  const pairs = () => graph.input("pairWeight", "F32", [answersOf(rows) / 2]);
  switch (objective.type) {
    case "DPO":
      pairLoss.node(graph, { weight: pairs(), z, loss }, { beta: objective.beta, odds: 0 });
      return;
    case "ORPO": {
      weightedSum.node(graph, { x: nll, weight: graph.input("lossWeight", "F32", [rows]), loss }, {});
      pairLoss.node(graph, { weight: pairs(), z, loss }, { beta: 0, odds: 1 });
      return;
    }
    case "KTO": {
      const weight = graph.input("answerWeight", "F32", [answersOf(rows)]);
      const divergence = graph.input("divergence", "F32", [1]);
      ktoLoss.node(graph, { weight, z, divergence, loss }, { beta: objective.beta });
      return;
    }
  }
}
