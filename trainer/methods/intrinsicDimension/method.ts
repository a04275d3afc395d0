/**
 * Intrinsic SAID: W_i + λ_i·P_i·θ, with one vector θ = 0 at first for all matrices, fixed random projections P_i by Fastfood and
 * a scale λ_i = 1 at first of each matrix.                              Li et al. 2018; Aghajanyan et al. 2020, §3.2
 *
 * The updates are derived once a step. A projection follows from the seed and the layer's name, so the adapter is θ and the λ.
 */
import { intrinsicDimension as declaration } from "../../contract/methods/intrinsicDimension.ts";
import { fastfood } from "../../ops/fastfood/op.ts";
import { defineMethod } from "../method.ts";
import { beside } from "../sparse.ts";
import { isTarget, targetFault } from "../targets.ts";
import { intrinsicDimensionPeft, names } from "./peft.ts";
import { layerKey, projected } from "./projection.ts";

export const intrinsicDimension = defineMethod(declaration, {
  describe: ({ dimension, projectionSeed, targetModules }) =>
    `intrinsic SAID, ${dimension} dimensions projected by seed ${projectionSeed}, on ${targetModules.join(", ")}`,
  check: (settings, { sites }) => targetFault(settings, sites),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { dimension, projectionSeed: seed } = settings;
    const theta = site.shared(names.vector, [dimension], { kind: "zeros" });
    const lambda = site.latent(names.scale, [1], { kind: "ones" });
    const facts = { out: site.out, in: site.in, seed, layer: layerKey(site.name) };
    const change = site.derived("intrinsic_update", [site.out, site.in], "activation", ({ graph, read }) => {
      return fastfood.node(graph, { x: read(theta), scale: read(lambda) }, facts).y;
    });
    return beside(site, x, change, base(x));
  },
  merge(site, w, { first, last }, { projectionSeed: seed }) {
    const facts = { out: site.out, in: site.in, seed, layer: layerKey(site.name) };
    const lambda = site.parameter(names.scale)[0]!;
    const change = projected(site.shared(names.vector), facts).subarray(first * site.in, last * site.in);
    for (let at = 0; at < w.length; at++) w[at]! += lambda * change[at]!;
  },
  peft: intrinsicDimensionPeft,
});
