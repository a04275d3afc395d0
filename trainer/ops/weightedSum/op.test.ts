import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeError } from "../../testing/graphs.ts";
import { lossGradient } from "../../testing/lossGradient.ts";
import { weightedSum } from "./op.ts";

test("weightedSum: the gradient is the weight", async () => {
  const weight = [0.5, 0, -2];
  const { analytic, numeric } = await lossGradient({
    dtype: "F64",
    at: [1, 2, 3],
    inputs: { weight: { dtype: "F64", values: weight } },
    build: (graph, { x, weight: w, loss }) => weightedSum.node(graph, { x: x!, weight: w!, loss: loss! }, {}),
  });
  assert.deepEqual([...analytic], weight);
  assert(relativeError(analytic, numeric) < 1e-8);
});
