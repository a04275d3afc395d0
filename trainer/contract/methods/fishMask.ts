/** FishMask's settings: the share of the base's weights that train, and the examples that choose them. */
import { z } from "zod";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const fishMask = declareMethod({
  kind: "fishMask",
  description:
    "FISH Mask (Sung et al. 2021): train only the weights of the base with the most Fisher information, chosen before the first step.",
  learningRate: "1e-4",
  result: "Adapter",
  nf4Refusal:
    "method.fishMask chooses among the base's own weights by their gradients, and the 4-bit codes of NF4 have none: remove quantization, or set method.lora",
  preferenceRefusal:
    "method.fishMask chooses its weights by the gradients of a supervised loss before the first step, and cannot learn from preferences: set training.objective to Supervised, or set method.lora",
  peftRefusal:
    "method.fishMask changes single weights, which PEFT has no adapter for: leave adapter exports out and export merged, or set method.lora",
  smaller: { kind: "lora" },
  settings: {
    density: decimalSetting(
      { exclusiveMin: 0, max: 1 },
      { description: "Share of the layers' weights that train.", default: 0.005 },
    ),
    samples: setting(z.int().min(1).max(1_000_000), {
      description: "Examples of the training data, from the first on, whose gradients choose the weights.",
      default: 1024,
    }),
    targetModules,
    excludeModules,
    layers,
  },
});
export type FishMaskSettings = SettingsOf<"fishMask", (typeof fishMask)["settings"]>;
