/**
 * y = scale·P·x, a projection of d numbers to a matrix by Fastfood: P = H·G·Π·H·B / √(out·in·Σ G²) on x padded with zeros to n,
 * of which the first out·in results are y, row by row.                 Le, Sarlós & Smola 2013; Li et al. 2018, §3
 * n: the smallest power of two of at least out·in and d · H: Walsh–Hadamard, its entries ±1 · B: random signs · Π: a random
 * permutation · G: normal numbers. They follow from (seed, layer) and the position alone (trainer/native/runtime/fastfood.h), so no
 * matrix is stored. P's columns have length 1 on average.
 * x [d] · scale [1], 1 if absent → y [out, in].
 */
import { defineOp } from "../../graph/op.ts";
import { elementsOf } from "../../graph/tensor.ts";
import { fastfoodAttributes } from "../attributes.ts";
import { fastfoodBackward } from "../fastfoodBackward/op.ts";
import { fastfoodDeviceScratch, fastfoodScratch } from "../scratch.ts";

export const fastfood = defineOp({
  name: "fastfood",
  meaning: "scale·P·x, P = H·G·Π·H·B/√(out·in·ΣG²) by (seed, layer)",
  inputs: { x: "act[d]", "scale?": "act[1]" },
  outputs: { y: "act[out,in]" },
  attributes: fastfoodAttributes,
  backward({ graph, operands: { x, scale }, attributes, gradient, contribute }) {
    const dY = gradient("y");
    if (!dY) return;
    const wanted = scale ? (["dScale"] as const) : [];
    const { dX, dScale } = fastfoodBackward.node(graph, { x, scale, dY }, attributes, wanted);
    contribute("x", { kind: "tensor", tensor: dX });
    if (dScale) contribute("scale", { kind: "tensor", tensor: dScale });
  },
  scratch: {
    cpu: ({ x }, _cost, { out, in: width }) => fastfoodScratch(out * width, elementsOf(x.shape)),
    cuda: ({ x }, _cost, { out, in: width }) => fastfoodDeviceScratch(out * width, elementsOf(x.shape)),
  },
});
