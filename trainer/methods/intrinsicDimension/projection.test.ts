/** The projection on the host is the op's, and it is one: a permutation, normal numbers, columns of length 1. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { fastfood } from "../../ops/fastfood/op.ts";
import { GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { layerKey, normalOf, permutation, projected } from "./projection.ts";

test("the host projects as the reference of the op does", async () => {
  for (const [dimension, out, width] of [
    [1, 1, 1],
    [13, 9, 20],
    [50, 3, 4],
  ] as const) {
    const facts = { out, in: width, seed: 5, layer: layerKey("model.layers.1.self_attn.q_proj") };
    const graph = new Graph();
    const x = graph.input("x", "F64", [dimension]);
    graph.output("y", fastfood.node(graph, { x }, facts).y);
    const runner = new GraphRunner(graph);
    const values = randomValues(dimension, 8);
    const { y } = await runner.run({ x: values });
    runner.close();
    assert.ok(relativeError(projected(Float32Array.from(values), facts), y!) < 1e-6);
  }
});

test("the permutation reaches every place once, for every power of two", () => {
  for (const size of [1, 2, 4, 8, 512, 1024]) {
    const placed = permutation(size, { out: 1, in: size, seed: 1, layer: 2 });
    const places = Array.from({ length: size }, (_, index) => placed(index)).sort((a, b) => a - b);
    assert.deepEqual(
      places,
      places.map((_, index) => index),
    );
  }
});

test("numbers are normal: the quantiles of the distribution, and their mirror images", () => {
  const word = (share: number) => Math.floor(share * 2 ** 32);
  for (const [share, value] of [
    [0.5, 0],
    [0.8413447460685429, 1],
    [0.975, 1.959963984540054],
    [0.9999, 3.719016485455709],
  ] as const) {
    assert.ok(Math.abs(normalOf(word(share)) - value) < 1e-6);
    assert.ok(Math.abs(normalOf(word(1 - share)) + value) < 1e-6);
  }
});

test("columns of the projection have length 1 on average, and layers have different ones", () => {
  const facts = { out: 40, in: 30, seed: 0, layer: layerKey("a") };
  const columns = Array.from({ length: 60 }, (_, column) => {
    const x = new Float32Array(60);
    x[column] = 1;
    return projected(x, facts);
  });
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  const mean = columns.reduce((sum, column) => sum + squares(column), 0) / columns.length;
  assert.ok(Math.abs(mean - 1) < 0.02, `the mean square is ${mean}`);
  const other = projected(Float32Array.of(1), { ...facts, layer: layerKey("b") });
  const [one] = [projected(Float32Array.of(1), facts)];
  assert.ok(relativeError(other, one) > 0.5);
});
