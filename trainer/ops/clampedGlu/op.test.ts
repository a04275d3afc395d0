import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { clampedGlu } from "./op.ts";

test("clampedGlu: gradients of alternating columns on both sides of the limit", () =>
  assertGradients({
    inputs: { x: [4, 6] },
    build: (graph, { x }) => clampedGlu.node(graph, { x: x! }, { alpha: 1.702, limit: 0.4 }),
  }));

test("clampedGlu: gate is clamped from above alone, and up on both sides", async () => {
  const graph = new Graph();
  const x = graph.input("x", "F64", [1, 6]);
  graph.output("y", clampedGlu.node(graph, { x }, { alpha: 1, limit: 2 }).y);
  const runner = new GraphRunner(graph);
  const { y } = await runner.run({ x: [-9, -9, 9, 9, 1, 0.5] });
  runner.close();
  const unit = (gate: number, up: number) => (gate / (1 + Math.exp(-gate))) * (up + 1);
  for (const [index, expected] of [unit(-9, -2), unit(2, 2), unit(1, 0.5)].entries())
    assert.ok(Math.abs(y![index]! - expected) < 1e-12);
});
