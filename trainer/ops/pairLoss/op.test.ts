import assert from "node:assert/strict";
import { test } from "node:test";
import { relativeError } from "../../testing/graphs.ts";
import { lossGradient } from "../../testing/lossGradient.ts";
import { pairLoss } from "./op.ts";

const at = [0.7, 2.1, 1.4, 0.2, 3, 0.05];
const weight = [0.5, 2, 0];

const gradients = (attributes: { beta: number; odds: number }) =>
  lossGradient({
    dtype: "F64",
    at,
    inputs: { weight: { dtype: "F32", values: weight } },
    build: (graph, { x, weight: w, loss }) => pairLoss.node(graph, { z: x!, weight: w!, loss: loss! }, attributes),
  });

for (const attributes of [
  { beta: 0.3, odds: 0 },
  { beta: 0, odds: 1 },
]) {
  test(`pairLoss: the gradient matches finite differences, ${JSON.stringify(attributes)}`, async () => {
    const { analytic, numeric } = await gradients(attributes);
    assert(relativeError(analytic, numeric) < 1e-7);
    assert(analytic[4] === 0 && analytic[5] === 0, "a pair of weight 0 has no part");
  });
}

test("pairLoss: the loss is −log σ of the difference of rewards, or of log odds", async () => {
  const softplus = (x: number) => Math.log1p(Math.exp(x));
  const { loss } = await gradients({ beta: 0.5, odds: 0 });
  assert(Math.abs(loss - 0.5 * softplus(-0.5 * (2.1 - 0.7)) - 2 * softplus(-0.5 * (0.2 - 1.4))) < 1e-12);
  const odds = (z: number) => Math.log(Math.exp(-z) / (1 - Math.exp(-z)));
  const made = await gradients({ beta: 0, odds: 1 });
  const expected = 0.5 * softplus(odds(2.1) - odds(0.7)) + 2 * softplus(odds(0.2) - odds(1.4));
  assert(Math.abs(made.loss - expected) < 1e-12);
});
