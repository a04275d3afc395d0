import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { relu } from "./op.ts";

test("relu: the gradient of its input", () =>
  assertGradients({ inputs: { x: [4, 6] }, build: (graph, { x }) => relu.node(graph, { x: x! }, {}) }));
