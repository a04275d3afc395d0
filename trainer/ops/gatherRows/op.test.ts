import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { gatherRows } from "./op.ts";

test("gatherRows: each row gets its gradient back, and index −1 adds none", () =>
  assertGradients({
    inputs: { x: [5, 3] },
    constants: { index: { dtype: "I32", shape: [4], values: [3, -1, 0, 2] } },
    build: (graph, { x, index }) => gatherRows.node(graph, { x: x!, index: index! }, {}),
  }));
