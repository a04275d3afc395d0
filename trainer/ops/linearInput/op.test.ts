import { test } from "node:test";
import { assertExpands, assertGradients } from "../../testing/graphs.ts";
import { linearInput } from "./op.ts";

test("linearInput: the output is the sum of both products and the added tensor", () =>
  assertExpands(linearInput, { dy: [5, 6], w: [6, 7], tailX: [5, 3], tailW: [3, 7], add: [5, 7] }, { tailScale: 0.7 }));

test("linearInput: gradients of both factors, of the tail and of what is added", () =>
  assertGradients({
    inputs: { dy: [5, 6], tailX: [5, 3], add: [5, 7], tailW: [3, 7] },
    parameters: { w: [6, 7] },
    build: (graph, { dy, w, tailX, tailW, add }) =>
      linearInput.node(graph, { dy: dy!, w: w!, tailX, tailW, add }, { tailScale: 0.7 }),
  }));
