import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { multiply } from "./op.ts";

test("multiply: gradients of both factors match finite differences", () =>
  assertGradients({
    inputs: { a: [3, 5], b: [3, 5] },
    build: (graph, { a, b }) => ({ y: multiply.node(graph, { a: a!, b: b! }, {}).y }),
  }));

test("multiply: the gradient of a parameter is added to its accumulated gradient", () =>
  assertGradients({
    inputs: {},
    parameters: { a: [7] },
    constants: { b: { dtype: "F64", shape: [7], values: [1, -2, 3, 0.5, 0, 1, 4] } },
    build: (graph, { a, b }) => ({ y: multiply.node(graph, { a: a!, b: b! }, {}).y }),
  }));
