import { test } from "node:test";
import { ropeTable } from "../../models/rope.ts";
import { assertGradients } from "../../testing/graphs.ts";
import { rope } from "./op.ts";

for (const rotary of [0, 2])
  test(`rope: the backward pass rotates back, rotary ${rotary}`, () => {
    const { cos, sin } = ropeTable({ headDim: 4, ropeTheta: 100 }, 5);
    const table = (values: Float32Array) => ({ dtype: "F32", shape: [5, 2], values }) as const;
    return assertGradients({
      inputs: { x: [5, 12] },
      constants: { cos: table(cos), sin: table(sin) },
      build: (graph, { x, cos, sin }) =>
        rope.node(graph, { x: x!, cos: cos!, sin: sin! }, { heads: 3, headDim: 4, sign: 1, rotary }),
    });
  });
