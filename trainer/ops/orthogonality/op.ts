/**
 * loss += weight · ‖G − I‖_F, G = x·xᵀ of a matrix's rows or xᵀ·x of its columns: their distance from orthonormality.
 *                                                                                   Zhang et al. 2023, eq. 4
 * x [n, m] · loss F64[1].
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { axis, real } from "../attributes.ts";
import { orthogonalityBackward } from "../orthogonalityBackward/op.ts";
import { wordBytes } from "../scratch.ts";

export const orthogonality = defineOp({
  name: "orthogonality",
  meaning: "weight·‖G − I‖, G = x·xᵀ, or xᵀ·x if columns is 1",
  inputs: { x: "dense[n,m]" },
  accumulates: { loss: "f64[1]" },
  outputs: {},
  attributes: { columns: axis, weight: real },
  isLoss: true,
  backward({ graph, operands: { x }, attributes, accumulator }) {
    const trained = accumulator("x");
    if (!trained) throw new Error("orthogonality: x must be a parameter, since its gradient accumulates");
    const weight = attributes.weight * trained.scale;
    orthogonalityBackward.node(graph, { x, dX: trained.gradient }, { ...attributes, weight });
  },
  flops: ({ x }, _cost) => 2 * elementsOf(x.shape) * Math.min(...x.shape),
  scratch: {
    cpu: ({ x }, _cost, { columns }) => ({ thread: 0, shared: wordBytes((x.shape[columns] ?? 0) ** 2) }),
    cuda: ({ x }, _cost, { columns }) => ({ thread: 0, shared: wordBytes((x.shape[columns] ?? 0) ** 2) }),
  },
});
