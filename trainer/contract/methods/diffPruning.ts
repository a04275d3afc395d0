/** Diff pruning's settings: the share of weights that change in the end, and the way of the gates that choose them. */
import { z } from "zod";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const diffPruning = declareMethod({
  kind: "diffPruning",
  description:
    "Diff pruning (Guo et al. 2021): learn a sparse difference from the base's weights, whose places are chosen by gates that train with it.",
  learningRate: "1e-5",
  result: "Adapter",
  peftRefusal:
    "method.diffPruning changes single weights, which PEFT has no adapter for: leave adapter exports out and export merged, or set method.lora",
  smaller: { kind: "lora" },
  settings: {
    density: decimalSetting(
      { exclusiveMin: 0, max: 1 },
      { description: "Share of the layers' weights that differ from the base in the end.", default: 0.005 },
    ),
    penalty: decimalSetting(
      { min: 0, max: 1 },
      { description: "Weight of the expected number of differences in the loss.", default: 1.25e-7 },
    ),
    fixedShare: decimalSetting(
      { exclusiveMin: 0, max: 0.99 },
      {
        description:
          "Share of the steps, at the end, in which the differences' places are fixed and their values alone train. Validation counts from there on.",
        default: 0.5,
      },
    ),
    structured: setting(z.boolean(), {
      description: "Whether each matrix has a gate of its own too, which can leave it unchanged as a whole.",
      default: true,
    }),
    learningRateRatio: decimalSetting(
      { exclusiveMin: 0, max: 1_000_000 },
      {
        description: "The gates' learning rate, as a multiple of training.learningRate.",
        default: 10_000,
      },
    ),
    targetModules,
    excludeModules,
    layers,
  },
});
export type DiffPruningSettings = SettingsOf<"diffPruning", (typeof diffPruning)["settings"]>;
