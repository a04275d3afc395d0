import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { add } from "./op.ts";

test("add: both terms get the gradient, and a term added to itself gets it twice", () =>
  assertGradients({
    inputs: { a: [3, 4], b: [3, 4] },
    build: (graph, { a, b }) => add.node(graph, { a: add.node(graph, { a: a!, b: b! }, {}).y, b: a! }, {}),
  }));
