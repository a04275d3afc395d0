import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner } from "../../testing/graphs.ts";
import { argmax } from "./op.ts";

const cases: [string, number[], number][] = [
  ["the lowest index among equals", [1, 5, 5, 2], 1],
  ["a maximum in the first column", [-3, -4, -3, -9], 0],
  ["a maximum in the last column", [0, 0, 0, 0.5], 3],
  ["NaN is ignored", [Number.NaN, 5, Number.NaN, 6], 3],
  ["−∞ wins over NaN", [Number.NaN, Number.NEGATIVE_INFINITY, Number.NaN, Number.NaN], 1],
  ["a row of only NaN gives 0", Array(4).fill(Number.NaN), 0],
];
for (const backend of ["reference", "cpu"] as const) {
  test(`argmax on ${backend} gives the lowest index among the largest values`, async () => {
    const graph = new Graph();
    graph.output("index", argmax.node(graph, { x: graph.input("x", "F32", [cases.length, 4]) }, {}).index);
    const runner = new GraphRunner(graph, undefined, backend);
    const { index } = await runner.run({ x: cases.flatMap(([, row]) => row) });
    runner.close();
    for (const [row, [what, , expected]] of cases.entries()) assert.equal(index![row], expected, what);
  });
}
