import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner } from "../../graph/testing.ts";
import { argmax } from "./op.ts";

test("argmax: the lowest index among equals", async () => {
  const graph = new Graph();
  graph.output("index", argmax.node(graph, { x: graph.input("x", "F32", [3, 4]) }, {}).index);
  const runner = new GraphRunner(graph);
  const { index } = await runner.run({ x: [1, 5, 5, 2, -3, -4, -3, -9, 0, 0, 0, 0.5] });
  runner.close();
  assert.deepEqual([...index!], [1, 0, 3]);
});
