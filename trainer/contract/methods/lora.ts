/** LoRA's settings. */
import { decimalSetting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { alpha, alphaPattern, initializationFromBase, rank, rankPattern, rankStabilized } from "./lowRank.ts";
import { bias, ensureWeightTying, excludeModules, layers, modulesToSave, targetsWithEmbedding } from "./targets.ts";

export const lora = declareMethod({
  kind: "lora",
  description: "LoRA (Hu et al. 2021): a trained low-rank update beside each frozen matrix.",
  learningRate: "2e-4",
  result: "Adapter",
  settings: {
    rank,
    alpha,
    dropout: decimalSetting({ min: 0, max: 0.9 }, { description: "Dropout on the adapter's input.", default: 0 }),
    targetModules: targetsWithEmbedding,
    rankStabilized,
    excludeModules,
    layers,
    rankPattern,
    alphaPattern,
    initialization: initializationFromBase,
    learningRateRatio: decimalSetting(
      { min: 1, max: 1000 },
      { description: "LoRA+ (Hayou et al. 2024): B learns at this times the learning rate.", default: 1, later: true },
    ),
    bias,
    modulesToSave,
    ensureWeightTying,
  },
});
export type LoraSettings = SettingsOf<"lora", (typeof lora)["settings"]>;
