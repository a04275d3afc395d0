import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { scaleColumns } from "./op.ts";

test("scaleColumns: gradients of input, scale, bias and residual match finite differences", () =>
  assertGradients({
    inputs: { x: [5, 7], residual: [5, 7] },
    parameters: { scale: [7], bias: [7] },
    build: (graph, { x, scale, bias, residual }) => ({
      y: scaleColumns.node(graph, { x: x!, scale: scale!, bias, residual }, {}).y,
    }),
  }));
