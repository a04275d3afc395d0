/** LoRA: y = Wx + s·B(Ax), s = α/r (α/√r when rank-stabilised), A ~ Kaiming-uniform(√5), B = 0.   Hu et al. 2021, §4.1 */
import type { LoraSettings } from "../contract/methods.ts";
import { defineMethod, type TrainedSite } from "./method.ts";

export const lora = defineMethod("lora", {
  describe({ rank, alpha, dropout, targetModules, rankStabilized }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    return `LoRA, rank ${rank}, alpha ${alpha}${scaling}, dropout ${dropout}, on ${targetModules.join(", ")}`;
  },

  check(settings, _model, _storage, sites) {
    const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
    const unknown = settings.targetModules.find((target) => !sites.some((site) => isTarget(site, [target])));
    if (unknown === undefined) return undefined;
    const known = [...new Set(sites.map(last))].join(", ");
    return `targetModules: ${JSON.stringify(unknown)} is no linear layer of this model; its layers are ${known}, or all-linear`;
  },
  linear(site, x, base, settings) {
    if (!isTarget(site.name, settings.targetModules)) return base(x);
    const { rank } = settings;
    const a = site.trainable("lora_A.weight", [rank, site.in], { kind: "kaimingUniform", a: Math.sqrt(5) });
    const b = site.trainable("lora_B.weight", [site.out, rank], { kind: "zeros" }, scaleOf(settings));
    return base(x, { lowRank: { from: site.dropout(x, settings.dropout), a, b } });
  },
  delta(site, settings, first, last) {
    if (!isTarget(site.name, settings.targetModules)) return undefined;
    return scaledProduct(site, settings, first, last);
  },
});

/** s in y = Wx + s·BAx. */
export const scaleOf = ({ alpha, rank, rankStabilized }: LoraSettings): number =>
  alpha / (rankStabilized ? Math.sqrt(rank) : rank);

/** Whether one of the targets is the last part, or the last parts, of this layer's name. */
export const isTarget = (name: string, targets: readonly string[]): boolean =>
  targets.some((target) => target === "all-linear" || name === target || name.endsWith(`.${target}`));

/** s·B·A of some rows of B. */
function scaledProduct(site: TrainedSite, settings: LoraSettings, first: number, last: number): Float32Array {
  const a = site.parameter("lora_A.weight");
  const b = site.parameter("lora_B.weight");
  const { rank } = settings;
  const scale = scaleOf(settings);
  const delta = new Float32Array((last - first) * site.in);
  for (let row = first; row < last; row++) {
    const out = delta.subarray((row - first) * site.in, (row - first + 1) * site.in);
    for (let k = 0; k < rank; k++) {
      const factor = scale * (b[row * rank + k] ?? 0);
      const from = a.subarray(k * site.in, (k + 1) * site.in);
      for (let column = 0; column < out.length; column++) {
        out[column] = (out[column] ?? 0) + factor * (from[column] ?? 0);
      }
    }
  }
  return delta;
}
