import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { centralDifferences, GraphRunner, relativeError } from "../../testing/graphs.ts";
import { balanceLoss } from "./op.ts";

const [rows, experts, topK, coefficient] = [3, 4, 2, 0.7];
/** Choices of each expert, then sums of probabilities, for examples of 3, 0 and 2 tokens. */
const load = [...[3, 1, 2, 0, 1.1, 0.7, 0.9, 0.3], ...[0, 0, 0, 0, 0, 0, 0, 0], ...[1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5]];
const weight = [0.25, 0, 0.5];

async function run(values: ArrayLike<number>) {
  const graph = new Graph();
  const operands = {
    load: graph.input("load", "F64", [rows, 2 * experts]),
    weight: graph.input("weight", "F64", [rows]),
    loss: graph.input("loss", "F64", [1]),
  };
  const dLoad = graph.activation("dLoad", operands.load);
  balanceLoss.into(graph, operands, { topK, coefficient }, { dLoad });
  graph.output("dLoad", dLoad);
  const runner = new GraphRunner(graph);
  const made = await runner.run({ load: values, weight, loss: [0] });
  runner.close();
  return { loss: made.loss![0]!, dLoad: made.dLoad! };
}

test("balanceLoss: E·Σ f·P of each example, weighted; an even load has topK", async () => {
  const first = (4 * (3 * 1.1 + 1 * 0.7 + 2 * 0.9)) / 3 ** 2;
  const { loss } = await run(load);
  assert.ok(Math.abs(loss - Math.fround(coefficient) * (0.25 * first + 0.5 * topK)) < 1e-12);
});

test("balanceLoss: the gradient of the probabilities matches finite differences, and the choices have none", async () => {
  const { dLoad } = await run(load);
  const numeric = await centralDifferences(load, async (moved) => (await run(moved)).loss);
  const isChoice = (i: number) => i % (2 * experts) < experts;
  const ofProbabilities = (values: Float64Array) => values.filter((_, i) => !isChoice(i));
  assert.ok(dLoad.every((value, i) => !isChoice(i) || value === 0));
  assert.ok(relativeError(ofProbabilities(dLoad), ofProbabilities(numeric)) < 1e-8);
});
