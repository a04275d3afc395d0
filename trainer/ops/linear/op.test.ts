import { test } from "node:test";
import { assertExpands, assertGradients } from "../../testing/graphs.ts";
import { linear } from "./op.ts";

const inputs = { x: [5, 7] };

test("linear: gradients of input and matrix match finite differences", () =>
  assertGradients({
    inputs,
    parameters: { w: [6, 7] },
    build: (graph, { x, w }) => linear.node(graph, { x: x!, w: w! }, { tailScale: 1 }),
  }));

test("linear: gradients through a scaled tail and a residual match finite differences", () =>
  assertGradients({
    inputs: { ...inputs, tailX: [5, 3], residual: [5, 6] },
    parameters: { w: [6, 7], tailW: [6, 3] },
    build: (graph, { x, w, tailX, tailW, residual }) =>
      linear.node(graph, { x: x!, w: w!, tailX, tailW, residual }, { tailScale: 0.7 }),
  }));

test("linear: a bias gets the sum of the rows' gradients", () =>
  assertGradients({
    inputs,
    parameters: { w: [6, 7], bias: [6] },
    build: (graph, { x, w, bias }) => linear.node(graph, { x: x!, w: w!, bias }, { tailScale: 1 }),
  }));

test("linear: an input of several linears gets the sum of their gradients", () =>
  assertGradients({
    inputs,
    parameters: { a: [3, 7], b: [6, 3], w: [6, 7], v: [4, 7] },
    build: (graph, { x, a, b, w, v }) => {
      const tailX = linear.node(graph, { x: x!, w: a! }, { tailScale: 1 }).y;
      const first = linear.node(graph, { x: x!, w: w!, tailX, tailW: b }, { tailScale: 1 }).y;
      return { first, second: linear.node(graph, { x: x!, w: v! }, { tailScale: 1 }).y };
    },
  }));

test("linear: the gradient of a matrix that is itself computed", () =>
  assertGradients({
    inputs: { ...inputs, tailX: [5, 3], w: [6, 7], tailW: [6, 3] },
    build: (graph, { x, w, tailX, tailW }) => linear.node(graph, { x: x!, w: w!, tailX, tailW }, { tailScale: 0.7 }),
  }));

test("linear: the output is the sum of both products, bias and residual", () =>
  assertExpands(
    linear,
    { x: [5, 7], w: [6, 7], tailX: [5, 3], tailW: [6, 3], bias: [6], residual: [5, 6] },
    { tailScale: 0.7 },
  ));
