import { test } from "node:test";
import { assertGradients } from "../../testing/graphs.ts";
import { prefixAttention } from "./op.ts";

for (const softcap of [0, 0.8])
  test(`prefixAttention: gradients of queries, keys, values and the prefix match finite differences over two segments, softcap ${softcap}`, () =>
    assertGradients({
      inputs: { q: [5, 12], k: [5, 6], v: [5, 6] },
      parameters: { prefixK: [4, 6], prefixV: [4, 6] },
      constants: { segmentStart: { dtype: "I32", shape: [5], values: [0, 0, 0, 3, 3] } },
      build: (graph, { q, k, v, segmentStart, prefixK, prefixV }) => ({
        o: prefixAttention.node(
          graph,
          { q: q!, k: k!, v: v!, segmentStart: segmentStart!, prefixK: prefixK!, prefixV: prefixV! },
          { heads: 4, kvHeads: 2, headDim: 3, scale: 0.7, softcap },
        ).o,
      }),
    }));
