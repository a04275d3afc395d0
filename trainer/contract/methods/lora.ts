/** LoRA's settings. */
import { z } from "zod";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { targetModules } from "./targets.ts";

export const lora = declareMethod({
  kind: "lora",
  description: "LoRA (Hu et al. 2021): a trained low-rank update beside each frozen matrix.",
  learningRate: "2e-4",
  result: "Adapter",
  settings: {
    rank: setting(z.int().min(1).max(512), {
      description: "r, the inner dimension of the update.",
      default: 16,
      value: z.int(),
    }),
    alpha: setting(z.int().min(1).max(4096), {
      description: "The update is scaled by alpha/rank.",
      default: ({ rank }) => 2 * Number(rank),
      says: "Default 2·rank.",
      value: z.number(),
    }),
    dropout: decimalSetting({ min: 0, max: 0.9 }, { description: "Dropout on the adapter's input.", default: 0 }),
    targetModules,
    rankStabilized: setting(z.boolean(), {
      description: "rsLoRA: scale by alpha/√rank instead of alpha/rank.",
      default: false,
    }),
  },
});
export type LoraSettings = SettingsOf<"lora", (typeof lora)["settings"]>;
