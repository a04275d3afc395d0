import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { castTo } from "./op.ts";

test("cast: the gradient is scaled like the value", () =>
  assertGradients({
    inputs: { x: [3, 4] },
    build: (graph, { x }) => ({ y: castTo(graph, x!, "F64", 1.75) }),
  }));
