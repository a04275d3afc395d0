import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { fastfood } from "./op.ts";

const attributes = { out: 5, in: 7, seed: 3, layer: -9 };

test("fastfood: gradients of the vector and of its scale match finite differences", () =>
  assertGradients({
    inputs: { x: [6], scale: [1] },
    build: (graph, { x, scale }) => fastfood.node(graph, { x: x!, scale }, attributes),
  }));

test("fastfood: the gradient of a vector that several matrices share is the sum of theirs", () =>
  assertGradients({
    inputs: {},
    parameters: { x: [6] },
    build: (graph, { x }) => ({
      one: fastfood.node(graph, { x: x! }, attributes).y,
      other: fastfood.node(graph, { x: x! }, { ...attributes, out: 2, layer: 4 }).y,
    }),
  }));
