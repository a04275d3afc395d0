import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { GraphRunner } from "../../testing/graphs.ts";
import { sumSquares } from "../sumSquares/op.ts";
import { clip } from "./op.ts";

async function clipped(values: readonly number[], maxNorm: number) {
  const graph = new Graph();
  const total = graph.input("total", "F64", [1]);
  sumSquares.node(graph, { x: graph.input("x", "F32", [values.length]), total }, {});
  const { norm, factor } = clip.node(graph, { total }, { maxNorm });
  graph.output("norm", norm);
  graph.output("factor", factor);
  const runner = new GraphRunner(graph);
  const made = await runner.run({ x: values });
  runner.close();
  return { total: made.total![0]!, norm: made.norm![0]!, factor: made.factor![0]! };
}

test("clip: a norm above the bound is scaled down to it, a lower norm is unchanged, and a bound of 0 is ignored", async () => {
  const above = await clipped([3, 4], 2);
  assert.deepEqual([above.total, above.norm], [25, 5]);
  assert(Math.abs(above.factor - 0.4) < 1e-6);
  assert.equal((await clipped([3, 4], 6)).factor, 1);
  assert.equal((await clipped([3, 4], 0)).factor, 1);
});
