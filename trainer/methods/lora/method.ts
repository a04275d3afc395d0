/** LoRA: y = Wx + s·B(Ax), s = α/r (α/√r when rank-stabilised), A ~ Kaiming-uniform(√5), B = 0.   Hu et al. 2021, §4.1 */
import { lora as declaration } from "../../contract/methods/lora.ts";
import { defineMethod } from "../method.ts";
import { isTarget } from "../targets.ts";
import { addScaledProduct } from "./lowRank.ts";
import { loraPeft } from "./peft.ts";
import { factorsOf, updateFault, updateOf } from "./update.ts";

export const lora = defineMethod(declaration, {
  describe({ rank, alpha, dropout, targetModules, rankStabilized }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    return `LoRA, rank ${rank}, alpha ${alpha}${scaling}, dropout ${dropout}, on ${targetModules.join(", ")}`;
  },
  check: (settings, { sites }) => updateFault(settings, sites),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings)) return base(x);
    const { a, b } = factorsOf(site, settings, settings.learningRateRatio);
    return base(x, { lowRank: { from: site.dropout(x, settings.dropout), a: a.phi, b: b.phi } });
  },
  merge(site, w, rows, settings) {
    const { scale } = updateOf(site.name, settings);
    addScaledProduct(w, rows, scale, site.parameter("lora_A.weight"), site.parameter("lora_B.weight"));
  },
  peft: loraPeft,
});
