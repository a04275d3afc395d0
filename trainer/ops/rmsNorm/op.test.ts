import { test } from "node:test";
import { assertExpands, assertGradients } from "../../testing/graphs.ts";
import { rmsNorm } from "./op.ts";

test("rmsNorm: gradients of input and weight match finite differences", () =>
  assertGradients({
    inputs: { x: [5, 7] },
    parameters: { weight: [7] },
    build: (graph, { x, weight }) => ({ y: rmsNorm.node(graph, { x: x!, weight: weight! }, { eps: 1e-3 }).y }),
  }));

test("rmsNorm: gradients of input and weight with an offset of the weight", () =>
  assertGradients({
    inputs: { x: [5, 7] },
    parameters: { weight: [7] },
    build: (graph, { x, weight }) => ({
      y: rmsNorm.node(graph, { x: x!, weight: weight! }, { eps: 1e-3, offset: 1 }).y,
    }),
  }));

test("rmsNorm: gradients match finite differences through a sum with a residual that other ops also use", () =>
  assertGradients({
    inputs: { x: [5, 7], residual: [5, 7] },
    parameters: { weight: [7] },
    build: (graph, { x, weight, residual }) => {
      const { y, sum } = rmsNorm.node(graph, { x: x!, weight: weight!, residual }, { eps: 1e-3 }, ["sum"]);
      return { y, sum: sum! };
    },
  }));

test("rmsNorm: gradients match finite differences when each head of a row is normalised separately", () =>
  assertGradients({
    inputs: { x: [5, 6] },
    parameters: { weight: [3] },
    build: (graph, { x, weight }) => ({ y: rmsNorm.node(graph, { x: x!, weight: weight! }, { eps: 1e-3 }).y }),
  }));

test("rmsNorm: the gradients of two norms of one tensor add up", () =>
  assertGradients({
    inputs: { x: [3, 7] },
    parameters: { a: [7], b: [7] },
    build: (graph, { x, a, b }) => ({
      first: rmsNorm.node(graph, { x: x!, weight: a! }, { eps: 1e-3 }).y,
      second: rmsNorm.node(graph, { x: x!, weight: b! }, { eps: 1e-3 }).y,
    }),
  }));

test("rmsNorm: with a residual, the output is the norm of the sum", () =>
  assertExpands(rmsNorm, { x: [5, 7], weight: [7], residual: [5, 7] }, { eps: 1e-3 }, ["sum"]));
