/**
 * h = x + residual; y = h · rstd · weight, rstd = 1/√(mean(h²) + eps).        Zhang & Sennrich 2019
 * x [T, n] · weight [d] · residual [T, n] → y [T, n], rstd [T·n/d] (for the backward), sum = h [T, n] (with a residual).
 * A row of n = d is normed whole, one of several heads of width d head by head, all by the same weight.
 */
import { defineOp } from "../../graph/op.ts";
import { rowsOf, sumType, type Tensor, widthOf } from "../../graph/tensor.ts";
import { add } from "../add/op.ts";
import { rmsNormBackward } from "../rmsNormBackward/op.ts";
import { expectShape, facts, like } from "../shapes.ts";

export const rmsNorm = defineOp({
  name: "rmsNorm",
  inputs: ["x", "weight", "residual?"],
  outputs: ["y", "rstd", "sum?"],
  attributes: { eps: "f32" },
  cheap: true,
  infer({ x, weight, residual }) {
    const groups = widthOf(x) / widthOf(weight);
    if (!Number.isInteger(groups)) expectShape("rmsNorm", "weight", weight, [widthOf(x)]);
    expectShape("rmsNorm", "residual", residual, x.shape);
    return { y: like(x), rstd: facts(sumType(x), rowsOf(x) * groups), sum: like(x) };
  },
  backward({ graph, operands: { x, weight, residual }, outputs: { rstd, sum }, gradient, accumulator, contribute }) {
    const dy = gradient("y");
    const h = residual ? sum : x;
    if (!dy) {
      const dSum = gradient("sum");
      if (dSum) for (const input of ["x", "residual"] as const) contribute(input, { kind: "tensor", tensor: dSum });
      return;
    }
    if (!h) throw new Error("rmsNorm: the backward of a norm with a residual reads `sum`: ask for it");
    const trained = accumulator("weight");
    if (trained && trained.scale !== 1) throw new Error("rmsNormBackward cannot scale: a norm's φ must be θ, unscaled");
    const operands = { dy, h, weight, rstd, dWeight: trained?.gradient };
    if (!residual) {
      contribute("x", { kind: "into", make: (dSum) => rmsNormBackward.node(graph, { ...operands, dSum }, {}).dx });
      return;
    }
    const { dx } = rmsNormBackward.node(graph, { ...operands, dSum: gradient("sum") }, {});
    for (const input of ["x", "residual"] as const) contribute(input, { kind: "tensor", tensor: dx });
  },
  expand(graph, { x, weight, residual }, attributes): { y: Tensor; rstd: Tensor; sum: Tensor } {
    const h = residual ? add.node(graph, { a: x, b: residual }, {}).y : x;
    return { ...rmsNorm.node(graph, { x: h, weight }, attributes), sum: h };
  },
});
