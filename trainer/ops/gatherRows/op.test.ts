import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { gatherRows } from "./op.ts";

test("gatherRows: gradients go back to their rows; row −1 is nobody's", () =>
  assertGradients({
    inputs: { x: [5, 3] },
    constants: { index: { dtype: "I32", shape: [4], values: [3, -1, 0, 2] } },
    build: (graph, { x, index }) => gatherRows.node(graph, { x: x!, index: index! }, {}),
  }));
