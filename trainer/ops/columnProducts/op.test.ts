import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { columnProducts } from "./op.ts";

test("columnProducts: gradients of both factors", () =>
  assertGradients({
    inputs: { a: [3, 5], b: [2, 5] },
    build: (graph, { a, b }) => ({ y: columnProducts.node(graph, { a: a!, b: b! }, {}).y }),
  }));
