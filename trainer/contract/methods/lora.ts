/** LoRA's settings. */
import { z } from "zod";
import { decimalSetting, setting } from "../setting.ts";
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { loraRules, subtractsFromPlainBase } from "./loraRules.ts";
import { alpha, alphaPattern, initializationFromBase, rank, rankPattern, rankStabilized } from "./lowRank.ts";
import {
  bias,
  ensureWeightTying,
  excludeModules,
  layers,
  modulesToSave,
  targetParameters,
  targetsWithEmbedding,
  trainableTokens,
} from "./targets.ts";

export const lora = declareMethod(
  {
    kind: "lora",
    description: "LoRA (Hu et al. 2021): a trained low-rank update beside each frozen matrix.",
    learningRate: "2e-4",
    result: "Adapter",
    specRules: [subtractsFromPlainBase],
    trainsRouterBy: ["modulesToSave", "bias"],
    quantizesFor: {
      setting: "initialization",
      value: "LoftQ",
      plainRefusal:
        "method.lora.initialization LoftQ replaces what quantising a base in NF4 loses: set baseModel.quantization, or another initialization",
      originalRefusal:
        "method.lora.initialization LoftQ trains what the original base has and its NF4 form lacks, which would be added to the original twice: set base: Dequantized in that export",
      ownBase: {
        setting: "loftqIterations",
        above: 1,
        peftRefusal:
          "method.lora.loftqIterations above 1 makes a quantised base that other programs do not have, and the adapter belongs to it alone: export merged with base: Dequantized, or train with loftqIterations: 1",
      },
    },
    settings: {
      rank,
      alpha,
      dropout: decimalSetting({ min: 0, max: 0.9 }, { description: "Dropout on the adapter's input.", default: 0 }),
      targetModules: targetsWithEmbedding,
      targetParameters,
      rankStabilized,
      excludeModules,
      layers,
      rankPattern,
      alphaPattern,
      initialization: initializationFromBase,
      learningRateRatio: decimalSetting(
        { min: 1, max: 1000 },
        {
          description: "LoRA+ (Hayou et al. 2024): B learns at this times the learning rate.",
          default: 1,
          later: true,
        },
      ),
      bias,
      modulesToSave,
      ensureWeightTying,
      trainableTokens,
      loftqIterations: setting(z.int().min(1).max(20), {
        description:
          "LoftQ's alternations between quantising and decomposing. After more than one the quantised base is not the one that other programs make.",
        default: ({ initialization }) => (initialization === "LoftQ" ? 1 : undefined),
        defaultText: "Default 1.",
        value: z.int().optional(),
        later: true,
      }),
      evaRho: setting(z.int().min(1).max(16), {
        description: "EVA's highest rank of a layer, as a multiple of its rank; 1: every layer keeps its rank.",
        default: ({ initialization }) => (initialization === "EVA" ? 2 : undefined),
        defaultText: "Default 2.",
        value: z.int().optional(),
        later: true,
      }),
      evaTau: decimalSetting(
        { exclusiveMin: 0, max: 1 },
        {
          description: "EVA has found a direction when its cosine with that of the batch before is this.",
          default: ({ initialization }) => (initialization === "EVA" ? 0.99 : undefined),
          defaultText: "Default 0.99.",
          value: z.number().optional(),
          later: true,
        },
      ),
    },
  },
  loraRules,
);
export type LoraSettings = SettingsOf<"lora", (typeof lora)["settings"]>;
