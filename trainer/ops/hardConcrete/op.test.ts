import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { philox } from "../../numbers/philox.ts";
import { assertGradients, GraphRunner } from "../../testing/graphs.ts";
import { hardConcrete } from "./op.ts";

const attributes = { low: -1.5, high: 1.5, site: 2 };

for (const isRandom of [true, false]) {
  test(`hardConcrete: gradients of w, of its gates and of the matrix's, ${isRandom ? "random" : "median"} gates`, () =>
    assertGradients({
      inputs: {},
      parameters: { w: [5, 7], alpha: [5, 7], group: [1] },
      constants: isRandom ? { rngKey: { dtype: "U32", shape: [2], values: [42, 9] } } : {},
      build(graph, { w, alpha, group, rngKey }) {
        const y = graph.activation("y", { dtype: "F64", shape: [5, 7] });
        hardConcrete.into(graph, { w: w!, alpha: alpha!, group, rngKey }, attributes, { y });
        return { y };
      },
    }));
}

test("hardConcrete: a gate is the stretched, clamped sigmoid of its own random number; without one it is the median", async () => {
  const [rows, width, alpha] = [40, 30, 0.4];
  const gates = async (inputs: Record<string, number[]>) => {
    const graph = new Graph();
    const operands = { w: graph.input("w", "F32", [rows, width]), alpha: graph.input("alpha", "F32", [rows, width]) };
    const rngKey = inputs.rngKey && graph.input("rngKey", "U32", [2]);
    const y = graph.activation("y", { dtype: "F32", shape: [rows, width] });
    hardConcrete.into(graph, { ...operands, rngKey }, attributes, { y });
    graph.output("y", y);
    const runner = new GraphRunner(graph, graph.nodes, "cpu");
    const constant = (value: number) => new Array<number>(rows * width).fill(value);
    const made = await runner.run({ w: constant(1), alpha: constant(alpha), ...inputs });
    runner.close();
    return made.y!;
  };
  const gateOf = (u: number) => {
    const s = 1 / (1 + Math.exp(-(Math.log(u) - Math.log(1 - u) + alpha)));
    return Math.min(1, Math.max(0, 3 * s - 1.5));
  };
  for (const z of await gates({})) assert.ok(Math.abs(z - gateOf(0.5)) < 1e-6);
  const random = await gates({ rngKey: [11, 3] });
  let open = 0;
  for (const [at, z] of random.entries()) {
    const [row, column] = [Math.floor(at / width), at % width];
    const word = philox([Math.floor(column / 4), row, 2, 0xfffffffe], [11, 3])[column % 4]!;
    assert.ok(Math.abs(z - gateOf((word + 0.5) / 2 ** 32)) < 1e-5);
    open += z > 0 ? 1 : 0;
  }
  const expected = 1 / (1 + Math.exp(-alpha));
  assert.ok(Math.abs(open / random.length - expected) < 0.05, "σ(α) of the gates are open");
});
