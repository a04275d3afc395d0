/** The settings of prompt tuning. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";

export const virtualTokens = setting(z.int().min(1).max(1024), {
  description: "Tokens of the prompt; they take positions before those of an example.",
  default: 20,
  value: z.int(),
});

export const promptTuning = declareMethod({
  kind: "promptTuning",
  description:
    "Prompt tuning (Lester et al. 2021): trained embeddings that every example sees as tokens before its own.",
  learningRate: "1e-2",
  result: "Adapter",
  mergeRefusal:
    "method.promptTuning trains embeddings before each example, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
  settings: {
    virtualTokens,
    initialText: setting(z.string().min(1).max(4096), {
      description:
        "The embeddings start as those of this text's tokens, cut or repeated to virtualTokens. Default: random numbers.",
    }),
  },
});
export type PromptTuningSettings = SettingsOf<"promptTuning", (typeof promptTuning)["settings"]>;
