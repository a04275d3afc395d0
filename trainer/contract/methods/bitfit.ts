/** BitFit's settings: the layers whose biases train. */
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const bitfit = declareMethod({
  kind: "bitfit",
  description:
    "BitFit (Ben Zaken et al. 2022): train the biases of the base's linear layers alone, in families that have them.",
  learningRate: "1e-3",
  result: "Adapter",
  peftRefusal:
    "method.bitfit trains biases alone, which PEFT has no adapter for: leave adapter exports out and export merged, or set method.lora with bias: All",
  trainsRouterBy: [],
  settings: { targetModules, excludeModules, layers },
});
export type BitfitSettings = SettingsOf<"bitfit", (typeof bitfit)["settings"]>;
