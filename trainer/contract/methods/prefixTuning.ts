/** The settings of prefix tuning. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";

export const prefixTuning = declareMethod({
  kind: "prefixTuning",
  description:
    "Prefix tuning (Li & Liang 2021): trained keys and values that every token sees before its example, in each layer.",
  learningRate: "1e-2",
  result: "Adapter",
  mergeRefusal:
    "method.prefixTuning trains keys and values before each example, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
  settings: {
    virtualTokens: setting(z.int().min(1).max(1024), {
      description: "Keys and values of each layer; they take positions before those of an example.",
      default: 20,
      value: z.int(),
    }),
  },
});
export type PrefixTuningSettings = SettingsOf<"prefixTuning", (typeof prefixTuning)["settings"]>;
