/** LoRA: y = Wx + s·B(Ax), s = α/r (α/√r when rank-stabilised), A ~ Kaiming-uniform(√5), B = 0.   Hu et al. 2021, §4.1 */
import { lora as declaration } from "../../contract/methods/lora.ts";
import { defineMethod } from "../method.ts";
import { isAdapted, isTrainedTensor, savedFault } from "../savedModules.ts";
import { addScaledProduct } from "./lowRank.ts";
import { loraPeft } from "./peft.ts";
import { factorsOf, updateFault, updateOf } from "./update.ts";

export const lora = defineMethod(declaration, {
  describe({ rank, alpha, dropout, targetModules, rankStabilized, bias, modulesToSave }) {
    const scaling = rankStabilized ? ", rank-stabilised" : "";
    const update = `LoRA, rank ${rank}, alpha ${alpha}${scaling}, dropout ${dropout}, on ${targetModules.join(", ")}`;
    const biases = { None: [], All: ["all biases"], LoraOnly: ["the biases of these layers"] }[bias];
    const whole = [...modulesToSave, ...biases];
    return whole.length === 0 ? update : `${update}; trained whole: ${whole.join(", ")}`;
  },
  check(settings, task) {
    const adapted = task.sites.filter((site) => isAdapted(site, settings));
    const fault = updateFault(settings, task.sites, adapted) ?? savedFault(settings, task);
    if (fault !== undefined || adapted.length > 0) return fault;
    return "modulesToSave names every layer that targetModules does, and leaves none to adapt";
  },
  trains: isTrainedTensor,
  linear(site, x, base, settings) {
    if (!isAdapted(site.name, settings)) return base(x);
    const { a, b } = factorsOf(site, settings, settings.learningRateRatio);
    return base(x, { lowRank: { from: site.dropout(x, settings.dropout), a: a.phi, b: b.phi } });
  },
  merge(site, w, rows, settings) {
    const { scale } = updateOf(site.name, settings);
    addScaledProduct(w, rows, scale, site.parameter("lora_A.weight"), site.parameter("lora_B.weight"));
  },
  peft: loraPeft,
});
