import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { segmentSum } from "./op.ts";

test("segmentSum: each row gets the scaled gradient of its segment, and rows of segment −1 get none", () =>
  assertGradients({
    inputs: { x: [6] },
    constants: {
      minus: { dtype: "F64", shape: [6], values: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] },
      segment: { dtype: "I32", shape: [6], values: [2, 0, -1, 0, 2, 2] },
      scale: { dtype: "F64", shape: [4], values: [0.5, 1, -2, 3] },
    },
    build: (graph, { x, minus, segment, scale }) => ({
      y: segmentSum.node(graph, { x: x!, minus: minus!, segment: segment!, scale: scale! }, {}).y,
    }),
  }));
