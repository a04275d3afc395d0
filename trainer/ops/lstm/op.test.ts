import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { lstm } from "./op.ts";

for (const [direction, reverse] of [
  ["from the start", 0],
  ["from the end", 1],
] as const) {
  test(`lstm ${direction}: gradients of inputs and recurrent weights`, () =>
    assertGradients({
      inputs: { x: [4, 12], w: [12, 3] },
      build: (graph, { x, w }) => ({ y: lstm.node(graph, { x: x!, w: w! }, { width: 3, reverse }).y }),
    }));
}
