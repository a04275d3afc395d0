import { test } from "node:test";
import { assertGradients, randomValues } from "../../testing/graphs.ts";
import { replaceRows } from "./op.ts";

test("replaceRows: each new row gets the gradient of its place", () =>
  assertGradients({
    inputs: { rows: [2, 3] },
    constants: {
      x: { dtype: "F64", shape: [5, 3], values: randomValues(15, 3) },
      index: { dtype: "I32", shape: [2], values: [4, 1] },
    },
    build(graph, { x, rows, index }) {
      const y = graph.activation("y", x!);
      replaceRows.into(graph, { x: x!, rows: rows!, index: index! }, {}, { y });
      return { y };
    },
  }));
