import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { philox } from "../../numbers/philox.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { noise } from "./op.ts";

const constants = {
  length: { dtype: "I32", shape: [5], values: [3, 3, 3, 2, 2] },
  rowKey: { dtype: "U32", shape: [5, 2], values: [4, 0, 4, 1, 4, 2, 9, 0, 9, 1] },
  rngKey: { dtype: "U32", shape: [2], values: [42, 7] },
} as const;

test("noise: the backward pass passes the gradient on", () =>
  assertGradients({
    inputs: { x: [5, 6] },
    constants,
    build: (graph, { x, length, rowKey, rngKey }) =>
      noise.node(graph, { x: x!, length: length!, rowKey: rowKey!, rngKey: rngKey! }, { alpha: 5, tensorId: -1 }),
  }));

test("noise: each element moves by alpha/√(length·d) times a uniform number of its key; padding does not move", async () => {
  const [rows, width, alpha] = [64, 36, 5];
  const graph = new Graph();
  const operands = {
    x: graph.input("x", "F32", [rows, width]),
    length: graph.input("length", "I32", [rows]),
    rowKey: graph.input("rowKey", "U32", [rows, 2]),
    rngKey: graph.input("rngKey", "U32", [2]),
  };
  graph.output("y", noise.node(graph, operands, { alpha, tensorId: -1 }).y);
  const runner = new GraphRunner(graph, graph.nodes, "cpu");
  const rowKey = Array.from({ length: rows }, (_, row) => [row % 7, row]).flat();
  const length = Array.from({ length: rows }, (_, row) => row % 3);
  const { y = new Float64Array() } = await runner.run({ length, rowKey, rngKey: [11, 3] });
  runner.close();
  const sizes = [0, alpha / Math.sqrt(width), alpha / Math.sqrt(2 * width)];
  let [sum, squares, count] = [0, 0, 0];
  for (let at = 0; at < rows * width; at++) {
    const [row, column] = [Math.floor(at / width), at % width];
    const word = philox([Math.floor(column / 4), row, row % 7, 0xffffffff], [11, 3])[column % 4]!;
    const u = (word | 0) / 2 ** 31;
    const size = sizes[row % 3]!;
    assert.ok(Math.abs(y[at]! - size * u) < 1e-6);
    if (size === 0) assert.equal(y[at], 0);
    sum += u;
    squares += u * u;
    count++;
  }
  assert.ok(Math.abs(sum / count) < 0.05 && Math.abs(squares / count - 1 / 3) < 0.03, "uniform in [−1, 1)");
});
