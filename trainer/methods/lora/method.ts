/** LoRA: y = Wx + s·B(Ax), s = α/r (α/√r when rank-stabilised), A ~ Kaiming-uniform(√5), B = 0.   Hu et al. 2021, §4.1 */
import { lora as declaration, type LoraSettings } from "../../contract/methods/lora.ts";
import { defineMethod } from "../method.ts";
import { isTarget, unknownTarget } from "../targets.ts";
import { addScaledProduct } from "./lowRank.ts";
import { loraPeft } from "./peft.ts";

export const lora = defineMethod(declaration, {
  describe({ rank, alpha, dropout, targetModules, rankStabilized }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    return `LoRA, rank ${rank}, alpha ${alpha}${scaling}, dropout ${dropout}, on ${targetModules.join(", ")}`;
  },
  check: ({ targetModules }, { sites }) => unknownTarget(targetModules, sites),
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings.targetModules)) return base(x);
    const { rank } = settings;
    const a = site.trainable("lora_A.weight", [rank, site.in], { kind: "kaimingUniform", a: Math.sqrt(5) });
    const b = site.trainable("lora_B.weight", [site.out, rank], { kind: "zeros" }, scaleOf(settings));
    return base(x, { lowRank: { from: site.dropout(x, settings.dropout), a, b } });
  },
  merge(site, w, rows, settings) {
    addScaledProduct(w, rows, scaleOf(settings), site.parameter("lora_A.weight"), site.parameter("lora_B.weight"));
  },
  peft: loraPeft,
});

/** s in y = Wx + s·BAx. */
export const scaleOf = ({
  alpha,
  rank,
  rankStabilized,
}: Pick<LoraSettings, "alpha" | "rank" | "rankStabilized">): number =>
  alpha / (rankStabilized ? Math.sqrt(rank) : rank);
