/** DoRA's settings: LoRA's, without dropout. */
import { declareMethod, type SettingsOf } from "./declaration.ts";
import { lowRankRules } from "./loraRules.ts";
import { alpha, alphaPattern, initialization, rank, rankPattern, rankStabilized } from "./lowRank.ts";
import { excludeModules, layers, targetModules } from "./targets.ts";

export const dora = declareMethod(
  {
    kind: "dora",
    description:
      "DoRA (Liu et al. 2024): LoRA on the direction of each row of a matrix, and a trained magnitude for each row.",
    learningRate: "2e-4",
    result: "Adapter",
    settings: {
      rank,
      alpha,
      targetModules,
      rankStabilized,
      excludeModules,
      layers,
      rankPattern,
      alphaPattern,
      initialization,
    },
  },
  lowRankRules,
);
export type DoraSettings = SettingsOf<"dora", (typeof dora)["settings"]>;
