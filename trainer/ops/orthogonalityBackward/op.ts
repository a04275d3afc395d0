/** dX += weight · 2·(G − I)·x/‖G − I‖_F, with G of `orthogonality`; adds nothing if the norm is 0. x, dX F32 [n, m]. */
import { defineOp } from "../../graph/op.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { axis, real } from "../attributes.ts";
import { wordBytes } from "../scratch.ts";

export const orthogonalityBackward = defineOp({
  name: "orthogonalityBackward",
  meaning: "weight·2·(G − I)·x/‖G − I‖",
  inputs: { x: "dense[n,m]" },
  accumulates: { dX: "sum[n,m]" },
  outputs: {},
  attributes: { columns: axis, weight: real },
  flops: ({ x }) => 2 * 2 * elementsOf(x.shape) * Math.min(...x.shape),
  scratch: {
    cpu: ({ x }, _cost, { columns }) => ({ thread: 0, shared: wordBytes((x.shape[columns] ?? 0) ** 2) }),
    cuda: ({ x }, _cost, { columns }) => ({ thread: 0, shared: wordBytes((x.shape[columns] ?? 0) ** 2) }),
  },
});
