import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { dropout } from "./op.ts";

const keys = {
  rowKey: { dtype: "U32", shape: [6, 2], values: [0, 0, 0, 1, 0, 2, 9, 0, 9, 1, 9, 2] },
  rngKey: { dtype: "U32", shape: [2], values: [42, 7] },
} as const;

test("dropout: the backward pass applies the same mask", () =>
  assertGradients({
    inputs: { x: [6, 9] },
    constants: keys,
    build: (graph, { x, rowKey, rngKey }) =>
      dropout.node(graph, { x: x!, rowKey: rowKey!, rngKey: rngKey! }, { p: 0.4, tensorId: 3 }),
  }));

test("dropout: the op keeps a share of 1 − p, scaled by 1/(1 − p), chosen by the key and not by the row", async () => {
  const graph = new Graph();
  const x = graph.input("x", "F32", [400, 50]);
  const rowKey = graph.input("rowKey", "U32", [400, 2]);
  const rngKey = graph.input("rngKey", "U32", [2]);
  graph.output("y", dropout.node(graph, { x, rowKey, rngKey }, { p: 0.25, tensorId: 0 }).y);
  const runner = new GraphRunner(graph);
  const run = async (first: number) => {
    const key = Array.from({ length: 400 }, (_, row) => [5, (first + row) % 400]).flat();
    return (await runner.run({ x: new Float32Array(20_000).fill(1), rowKey: key, rngKey: [1, 2] })).y!;
  };
  const plain = await run(0);
  const shifted = await run(1);
  runner.close();
  const kept = plain.filter((value) => value !== 0);
  assert(kept.every((value) => Math.abs(value - 4 / 3) < 1e-6));
  assert(Math.abs(kept.length / plain.length - 0.75) < 0.01, `${kept.length} of ${plain.length} kept`);
  assert.deepEqual(shifted.subarray(0, 399 * 50), plain.subarray(50));
});
