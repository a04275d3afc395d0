import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { add } from "../add/op.ts";
import { route } from "../route/op.ts";
import { routerLoad } from "./op.ts";

const [tokens, experts, topK] = [6, 4, 2];
/** Examples of 1, 3 and 2 tokens. */
const starts = [0, 1, 1, 1, 4, 4];
/** Logits far from each other, so that finite differences change no choice. */
const distinct = (seed: number) => Array.from({ length: tokens * experts }, (_, i) => ((i * seed) % 11) / 2);

/** The load of two routers. */
function loadOf(graph: Graph, logits: readonly Tensor[], segmentStart: Tensor): Tensor {
  let before: Tensor | undefined;
  for (const one of logits) {
    const { expert } = route.node(graph, { logits: one }, { topK, normalized: 1 });
    before = routerLoad.node(graph, { logits: one, expert, segmentStart, before }, { topK }).load;
  }
  return before!;
}

test("routerLoad: the gradients of the logits of two routers match finite differences", () =>
  assertGradients({
    inputs: { a: [tokens, experts], b: [tokens, experts] },
    constants: {
      farA: { dtype: "F64", shape: [tokens, experts], values: distinct(7) },
      farB: { dtype: "F64", shape: [tokens, experts], values: distinct(5) },
      segmentStart: { dtype: "I32", shape: [tokens], values: starts },
    },
    build(graph, { a, b, farA, farB, segmentStart }) {
      const apart = (x: Tensor, far: Tensor) => add.node(graph, { a: x, b: far }, {}).y;
      return { load: loadOf(graph, [apart(a!, farA!), apart(b!, farB!)], segmentStart!) };
    },
  }));

test("routerLoad: an example's row has its choices of each expert and the sums of their probabilities, others are zero", async () => {
  const graph = new Graph();
  const logits = graph.input("logits", "F64", [tokens, experts]);
  graph.output("load", loadOf(graph, [logits], graph.input("segmentStart", "I32", [tokens])));
  const runner = new GraphRunner(graph);
  const values = distinct(7);
  const { load } = await runner.run({ logits: values, segmentStart: starts });
  runner.close();
  const expected = new Float64Array(tokens * 2 * experts);
  for (const [t, start] of starts.entries()) {
    const row = values.slice(t * experts, (t + 1) * experts);
    const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
    const chosen = row.map((_, e) => e).sort((x, y) => row[y]! - row[x]! || x - y);
    for (const e of chosen.slice(0, topK)) expected[start * 2 * experts + e]! += 1;
    for (const [e, value] of row.entries()) expected[start * 2 * experts + experts + e]! += Math.exp(value) / total;
  }
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(load![i]! - value) < 1e-12, `${i}`);
});
