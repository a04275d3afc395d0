import assert from "node:assert/strict";
import { test } from "node:test";
import { differentiate } from "../../compile/differentiate.ts";
import { Graph } from "../../graph/graph.ts";
import { centralDifferences, GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { orthogonality } from "./op.ts";

for (const columns of [0, 1]) {
  test(`orthogonality: the gradient of the norm over ${columns ? "columns" : "rows"} matches finite differences`, async () => {
    const graph = new Graph();
    const x = graph.input("x", "F64", [3, 5]);
    const gradient = graph.input("gradient", "F64", [3, 5]);
    const trained = new Graph([x]);
    for (const [name, tensor] of graph.inputs) trained.inputs.set(name, tensor);
    const loss = trained.input("loss", "F64", [1]);
    orthogonality.node(trained, { x, loss }, { columns, weight: 0.5 });
    differentiate(trained, new Map([[x, { gradient, scale: 1 }]]));
    const runner = new GraphRunner(trained);
    const at = randomValues(15, 4);
    const made = await runner.run({ x: at });
    const numeric = await centralDifferences(at, async (moved) => (await runner.run({ x: moved })).loss![0]!);
    assert(relativeError(made.gradient!, numeric) < 1e-6);
    runner.close();
  });
}
