/** A mixture of experts: the gradients of its router, its experts and its tokens, and what no choice may do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { grouped, type Tensor } from "../../graph/tensor.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { add } from "../add/op.ts";
import { expertLinear } from "../expertLinear/op.ts";
import { gatherExperts } from "../gatherExperts/op.ts";
import { mixExperts } from "../mixExperts/op.ts";
import { route } from "./op.ts";

const [tokens, experts, topK, width] = [5, 3, 2, 4];

/** Logits far from each other, so that finite differences change no choice. */
const distinct = Array.from({ length: tokens * experts }, (_, index) => ((index * 7) % 11) / 2);

const sixMatrices = Object.fromEntries(
  ["a", "b"].flatMap((layer) => Array.from({ length: experts }, (_, e) => [`${layer}${e}`, [width, width]] as const)),
);
const group = (tensors: Readonly<Record<string, Tensor>>, layer: string) =>
  grouped(
    layer,
    Array.from({ length: experts }, (_, e) => tensors[`${layer}${e}`]!),
  );

for (const normalized of [0, 1]) {
  test(`route and mixExperts: gradients of logits, experts, their biases and tokens, ${normalized ? "normalised" : "not normalised"}`, () =>
    assertGradients({
      inputs: {
        logits: [tokens, experts],
        x: [tokens, width],
        residual: [tokens, width],
        lowered: [tokens * topK, width],
      },
      parameters: { ...sixMatrices, bias: [experts, width] },
      constants: { far: { dtype: "F64", shape: [tokens, experts], values: distinct } },
      build(graph, tensors) {
        const { logits, x, residual, lowered, far, bias } = tensors;
        const spread = graph.activation("spread", far!);
        add.into(graph, { a: logits!, b: far! }, {}, { y: spread });
        const { weights, order, place, starts } = route.node(graph, { logits: spread }, { topK, normalized });
        const rows = gatherExperts.node(graph, { x: x!, order, place }, { topK }).y;
        const tail = { tailX: lowered!, tailW: group(tensors, "b") };
        const { y } = expertLinear.node(graph, { x: rows, w: group(tensors, "a"), starts, bias, ...tail }, { experts });
        const { z } = mixExperts.node(graph, { y, order, place, weights, residual: residual! }, { topK });
        return { z };
      },
    }));
}

test("a token whose logits are NaN still has distinct experts, so that a broken run stops at its loss", async () => {
  const graph = new Graph();
  const logits = graph.input("logits", "F64", [2, experts]);
  const { weights, expert, order, place, starts } = route.node(graph, { logits }, { topK, normalized: 1 });
  for (const [name, tensor] of Object.entries({ weights, expert, order, place, starts })) graph.output(name, tensor);
  const runner = new GraphRunner(graph);
  const made = await runner.run({ logits: [Number.NaN, Number.NaN, Number.NaN, 1, Number.NaN, 0] });
  runner.close();
  assert.deepEqual([...made.expert!], [0, 1, 0, 2]);
  assert.deepEqual([...made.starts!], [0, 2, 3, 4]);
  assert.deepEqual([...made.order!], [0, 2, 1, 3]);
});
