import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeError } from "../../testing/graphs.ts";
import { lossGradient } from "../../testing/lossGradient.ts";
import { ktoLoss } from "./op.ts";

test("ktoLoss: loss and gradient match their definition and finite differences; weight 0 has no part", async () => {
  const [at, weight] = [
    [0.7, -2.1, 1.4, 3],
    [0.5, 2, -1.5, 0],
  ] as const;
  const { analytic, numeric, loss } = await lossGradient({
    dtype: "F64",
    at,
    inputs: { weight: { dtype: "F32", values: weight }, divergence: { dtype: "F32", values: [0.25] } },
    build: (graph, { x, weight: w, divergence, loss: sum }) =>
      ktoLoss.node(graph, { z: x!, weight: w!, divergence: divergence!, loss: sum! }, { beta: 0.5 }),
  });
  assert(relativeError(analytic, numeric) < 1e-7);
  assert.equal(analytic[3], 0);
  const sigma = (x: number) => 1 / (1 + Math.exp(-x));
  const wanted = (z: number) => 1 - sigma(0.5 * (-z - 0.25));
  const unwanted = (z: number) => 1 - sigma(0.5 * (0.25 + z));
  assert(Math.abs(loss - 0.5 * wanted(0.7) - 2 * wanted(-2.1) - 1.5 * unwanted(1.4)) < 1e-12);
});
