import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../graph/graph.ts";
import { centralDifferences, GraphRunner, randomValues, relativeError } from "../../testing/graphs.ts";
import { linearCrossEntropy } from "./op.ts";

const rows = 5;
const width = 6;
const vocabulary = 11;

function runner({ softcap = 0, smoothing = 0 } = {}): GraphRunner {
  const graph = new Graph();
  const operands = {
    h: graph.input("h", "F64", [rows, width]),
    w: graph.input("w", "F64", [vocabulary, width]),
    target: graph.input("target", "I32", [rows]),
    lossWeight: graph.input("lossWeight", "F32", [rows]),
    loss: graph.input("loss", "F64", [1]),
    dW: graph.input("dW", "F64", [vocabulary, width]),
  };
  const { nll, dh } = linearCrossEntropy.node(graph, operands, { softcap, smoothing }, ["dh"]);
  graph.output("nll", nll);
  graph.output("dh", dh!);
  return new GraphRunner(graph);
}

const values = {
  h: randomValues(rows * width, 1),
  w: randomValues(vocabulary * width, 2),
  target: [3, 0, 10, 5, 5],
  lossWeight: [0.5, 1, 0, 0.25, 2],
};

for (const attributes of [{}, { softcap: 1.2 }, { smoothing: 0.2 }, { softcap: 1.2, smoothing: 0.2 }])
  test(`linearCrossEntropy: gradients of rows and matrix match finite differences of the weighted loss, ${JSON.stringify(attributes)}`, async () => {
    const run = runner(attributes);
    const { dh, dW } = await run.run(values);
    for (const [name, analytic] of [
      ["h", dh],
      ["w", dW],
    ] as const) {
      const numeric = await centralDifferences(values[name], async (moved) => {
        const made = await run.run({ ...values, [name]: moved });
        return made.loss?.[0] ?? Number.NaN;
      });
      assert(relativeError(analytic!, numeric) < 1e-7, `${name}: ${relativeError(analytic!, numeric)}`);
    }
    run.close();
  });

test("linearCrossEntropy: the loss is softmax's mean negative log-likelihood, added to the accumulated loss", async () => {
  const run = runner();
  const { nll, loss } = await run.run({ ...values, loss: [10] });
  run.close();
  const expected = values.target.map((target, row) => {
    const logits = Array.from({ length: vocabulary }, (_, v) =>
      Array.from({ length: width }, (_, c) => values.h[row * width + c]! * values.w[v * width + c]!).reduce(
        (a, b) => a + b,
      ),
    );
    return Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0)) - logits[target]!;
  });
  const total = expected.reduce((sum, value, row) => sum + value * values.lossWeight[row]!, 10);
  assert(relativeError(loss!, [total]) < 1e-12);
  assert(
    relativeError(
      nll!,
      expected.map((value, row) => (row === 2 ? 0 : value)),
    ) < 1e-7,
    "a row of weight 0 has nll 0",
  );
});
