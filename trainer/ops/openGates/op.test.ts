import assert from "node:assert/strict";
import { test } from "node:test";
import { differentiate } from "../../compile/differentiate.ts";
import { Graph } from "../../graph/graph.ts";
import { centralDifferences, GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { openGates } from "./op.ts";

test("openGates: the gradients of the expected number of open gates match finite differences", async () => {
  const graph = new Graph();
  const alpha = graph.input("alpha", "F64", [3, 5]);
  const group = graph.input("group", "F64", [1]);
  const [dAlpha, dGroup] = [graph.input("dAlpha", "F64", [3, 5]), graph.input("dGroup", "F64", [1])];
  const trained = new Graph([alpha, group]);
  for (const [name, tensor] of graph.inputs) trained.inputs.set(name, tensor);
  const loss = trained.input("loss", "F64", [1]);
  openGates.node(trained, { alpha, group, loss }, { shift: 0.2, weight: 0.5 });
  const accumulators = new Map([
    [alpha, { gradient: dAlpha, scale: 1 }],
    [group, { gradient: dGroup, scale: 1 }],
  ]);
  differentiate(trained, accumulators);
  const runner = new GraphRunner(trained);
  const [at, of] = [randomValues(15, 4).map((value) => 4 * value), Float64Array.of(0.7)];
  const made = await runner.run({ alpha: at, group: of });
  const numeric = await centralDifferences(
    at,
    async (moved) => (await runner.run({ alpha: moved, group: of })).loss![0]!,
  );
  const ofGroup = await centralDifferences(
    of,
    async (moved) => (await runner.run({ alpha: at, group: moved })).loss![0]!,
  );
  assert.ok(relativeError(made.dAlpha!, numeric) < 1e-6);
  assert.ok(relativeError(made.dGroup!, ofGroup) < 1e-6);
  runner.close();
});
