/**
 * DoRA: y = c ⊙ (Wx + s·B(Ax)) + bias, c = m/‖W + s·BA‖ row by row.        Liu et al. 2024, eq. 5 and §4.3
 *
 * The backward pass treats the norm as a constant, so c depends only on m: dm = dc/‖W + s·BA‖. Each step derives c once and
 * pulls its gradient back once; a micro-batch contains only a column scale.
 */
import { type DoraSettings, dora as declaration } from "../../contract/methods/dora.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { inverseRowNorm } from "../../ops/inverseRowNorm/op.ts";
import { multiply } from "../../ops/multiply/op.ts";
import { factorsOf } from "../lora/factors.ts";
import { addScaledProduct } from "../lowRank.ts";
import { defineMethod, type RowRange, type TrainedSite } from "../method.ts";
import { isTarget } from "../targets.ts";
import { linearOnly, updateFault, updateOf } from "../update.ts";
import { doraPeft } from "./peft.ts";

export const dora = defineMethod(declaration, {
  describe({ rank, alpha, targetModules, rankStabilized }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    return `DoRA, rank ${rank}, alpha ${alpha}${scaling}, on ${targetModules.join(", ")}`;
  },
  check: (settings, { sites }) => updateFault(settings, linearOnly(settings, sites)),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { name, in: width, out } = site;
    const { scale } = updateOf(name, settings);
    const { a, b } = factorsOf(site, settings);
    const norms = { kind: "rowNorms", weight: `${name}.weight`, shape: [out, width] } as const;
    const magnitude = site.latent("lora_magnitude_vector", [out], norms);
    const columnScale = site.derived("columnScale", [out], "sum", ({ graph, read }): Tensor => {
      const factors = { w: site.weight(), a: read(a.theta), b: read(b.theta) };
      const { inverse } = inverseRowNorm.node(graph, factors, { scale });
      return multiply.node(graph, { a: read(magnitude), b: inverse }, {}).y;
    });
    return base(x, { lowRank: { from: x, a: a.phi, b: b.phi }, columnScale });
  },
  merge: mergeRows,
  peft: doraPeft,
});

/** W′ = m · (W + s·BA)/‖W + s·BA‖, row by row. */
function mergeRows(site: TrainedSite, w: Float32Array, rows: RowRange, settings: DoraSettings): void {
  const { scale } = updateOf(site.name, settings);
  addScaledProduct(w, rows, scale, site.parameter("lora_A.weight"), site.parameter("lora_B.weight"));
  const magnitude = site.parameter("lora_magnitude_vector");
  for (let row = rows.first; row < rows.last; row++) {
    const values = w.subarray((row - rows.first) * site.in, (row - rows.first + 1) * site.in);
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    const factor = (magnitude[row] ?? 0) / norm;
    for (let column = 0; column < values.length; column++) values[column]! *= factor;
  }
}
