/** The settings of P-tuning. */
import { z } from "zod";
import { setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { virtualTokens } from "./promptTuning.ts";

export const pTuning = declareMethod({
  kind: "pTuning",
  description:
    "P-tuning (Liu et al. 2021): the prompt's embeddings come from a small trained network, which the adapter no longer needs.",
  learningRate: "1e-3",
  result: "Adapter",
  mergeRefusal:
    "method.pTuning trains embeddings before each example, which the base's weights cannot hold: leave merged and gguf exports out, or set method.lora",
  settings: {
    virtualTokens,
    encoderHiddenSize: setting(z.int().min(1).max(16_384), {
      description:
        "Width of the network's two hidden layers; of an LSTM, in each direction. Default: the model's hidden size.",
    }),
    encoder: setting(z.enum(["MLP", "LSTM"]), {
      description:
        "The network. MLP: three layers; LSTM: two bidirectional layers before an MLP of two, as in the paper.",
      default: "MLP",
      later: true,
    }),
  },
});
export type PTuningSettings = SettingsOf<"pTuning", (typeof pTuning)["settings"]>;
