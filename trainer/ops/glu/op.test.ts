import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { activations } from "../attributes.ts";
import { glu } from "./op.ts";

for (const [name, activation] of Object.entries(activations)) {
  test(`glu: gradients of gate and up with ${name}`, () =>
    assertGradients({
      inputs: { gate: [4, 6], up: [4, 6] },
      build: (graph, { gate, up }) => glu.node(graph, { gate: gate!, up: up! }, { activation }),
    }));
}
