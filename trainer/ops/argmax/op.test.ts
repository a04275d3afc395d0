import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner } from "../../testing/graphs.ts";
import { argmax } from "./op.ts";

const cases: [string, number[], number][] = [
  ["the lowest index among equals", [1, 5, 5, 2], 1],
  ["a first one that is the highest", [-3, -4, -3, -9], 0],
  ["a last one", [0, 0, 0, 0.5], 3],
  ["NaN is passed over", [Number.NaN, 5, Number.NaN, 6], 3],
  ["a number among NaN, however low", [Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN, Number.NaN], 1],
  ["0 where all is NaN", Array(4).fill(Number.NaN), 0],
];
for (const backend of ["reference", "cpu"] as const) {
  test(`argmax on ${backend}`, async () => {
    const graph = new Graph();
    graph.output("index", argmax.node(graph, { x: graph.input("x", "F32", [cases.length, 4]) }, {}).index);
    const runner = new GraphRunner(graph, undefined, backend);
    const { index } = await runner.run({ x: cases.flatMap(([, row]) => row) });
    runner.close();
    for (const [row, [what, , expected]] of cases.entries()) assert.equal(index![row], expected, what);
  });
}
