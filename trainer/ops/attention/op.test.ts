import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { attention } from "./op.ts";

test("attention: gradients with a sink for each head match finite differences", () =>
  assertGradients({
    inputs: { q: [7, 16], k: [7, 8], v: [7, 8] },
    parameters: { sinks: [4] },
    constants: { segmentStart: { dtype: "I32", shape: [7], values: [0, 0, 0, 3, 4, 4, 4] } },
    build: (graph, { q, k, v, segmentStart, sinks }) => ({
      o: attention.node(
        graph,
        { q: q!, k: k!, v: v!, segmentStart: segmentStart!, sinks },
        { heads: 4, kvHeads: 2, headDim: 4, scale: 1.5 },
      ).o,
    }),
  }));

for (const softcap of [0, 0.8])
  test(`attention: gradients of queries, keys and values match finite differences over three segments with grouped heads, softcap ${softcap}`, () =>
    assertGradients({
      inputs: { q: [7, 16], k: [7, 8], v: [7, 8] },
      constants: { segmentStart: { dtype: "I32", shape: [7], values: [0, 0, 0, 3, 4, 4, 4] } },
      build: (graph, { q, k, v, segmentStart }) => ({
        o: attention.node(
          graph,
          { q: q!, k: k!, v: v!, segmentStart: segmentStart! },
          { heads: 4, kvHeads: 2, headDim: 4, scale: 1.5, softcap },
        ).o,
      }),
    }));
