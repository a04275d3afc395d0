/**
 * h = x + residual; y = h · rstd · (weight + offset), rstd = 1/√(mean(h²) + eps).        Zhang & Sennrich 2019
 * x [T, n] · weight [d] · residual [T, n] → y [T, n], rstd [T·n/d] (for the backward pass), sum = h [T, n] (with a residual).
 * A row of n = d is normalised whole; a row of several heads of width d is normalised per head, with one weight for all.
 */
import { defineOp } from "../../graph/op.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { add } from "../add/op.ts";
import { real } from "../attributes.ts";
import { rmsNormBackward } from "../rmsNormBackward/op.ts";

export const rmsNorm = defineOp({
  name: "rmsNorm",
  meaning:
    "h = x + residual (rounded to act when `sum` is written); y = h · rstd · (weight + offset), each d of a row by itself",
  inputs: { x: "act[T,n]", weight: "dense[d]", "residual?": "act[T,n]" },
  outputs: { y: "act[T,n]", rstd: "sum[n/d*T]", "sum?": "act[T,n]" },
  attributes: { eps: real, "offset?": real },
  cheap: true,
  backward({ graph, operands, outputs: { rstd, sum }, attributes: { offset }, gradient, accumulator, contribute }) {
    const { x, weight, residual } = operands;
    const dy = gradient("y");
    const h = residual ? sum : x;
    if (!dy) {
      const dSum = gradient("sum");
      if (dSum) for (const input of ["x", "residual"] as const) contribute(input, { kind: "tensor", tensor: dSum });
      return;
    }
    if (!h) throw new Error("rmsNorm: the backward pass of a norm with a residual reads `sum`: request it");
    const trained = accumulator("weight");
    if (trained && trained.scale !== 1)
      throw new Error("rmsNormBackward cannot scale: a trained norm must be used unscaled");
    const given = { dy, h, weight, rstd, dWeight: trained?.gradient };
    if (!residual) {
      contribute("x", { kind: "into", make: (dSum) => rmsNormBackward.node(graph, { ...given, dSum }, { offset }).dx });
      return;
    }
    const { dx } = rmsNormBackward.node(graph, { ...given, dSum: gradient("sum") }, { offset });
    for (const input of ["x", "residual"] as const) contribute(input, { kind: "tensor", tensor: dx });
  },
  expand(graph, { x, weight, residual }, attributes): { y: Tensor; rstd: Tensor; sum: Tensor } {
    const h = residual ? add.node(graph, { a: x, b: residual }, {}).y : x;
    return { ...rmsNorm.node(graph, { x: h, weight }, attributes), sum: h };
  },
});
