import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { embed } from "./op.ts";

test("embed: a row's gradient is the sum over all tokens that use it", () =>
  assertGradients({
    inputs: {},
    parameters: { weight: [4, 3] },
    constants: { ids: { dtype: "I32", shape: [6], values: [0, 3, 3, 1, 0, 3] } },
    build: (graph, { weight, ids }) => {
      const y = graph.activation("y", { dtype: "F64", shape: [6, 3] });
      embed.into(graph, { ids: ids!, weight: weight! }, {}, { y });
      return { y };
    },
  }));
