import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { kronecker } from "./op.ts";

test("kronecker: gradients of input, residual and both factors", () =>
  assertGradients({
    inputs: { x: [3, 10], residual: [3, 6] },
    parameters: { a: [3, 2], b: [2, 5] },
    build: (graph, { a, b, x, residual }) => kronecker.node(graph, { a: a!, b: b!, x: x!, residual }, { scale: 0.7 }),
  }));
